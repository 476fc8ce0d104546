//! Evidence on a suspect: a process that has to reap and has not. Plain data, read by `collect` and
//! `cgroup`, assembled by `suspects` and judged by the rules of `verdict`.
//!
//! What is not known is `None`: a rule is less sure then, or does not apply.

pub use block::Block;
pub use freezer::{Freezer, Frozen};

use crate::events::Asked;

pub mod block;
mod freezer;
mod habits;
mod origin;
mod peeks;
pub mod suspects;

/// What a wait call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Any child.
    Any,
    /// One process.
    Process(u32),
    /// One process, by a number of the caller's own PID namespace that none of its children has.
    NamespaceProcess(u32),
    /// The members of a process group; 0 is the caller's own.
    Group(u32),
    /// Those of a group, by a number of the caller's own PID namespace that none of its children
    /// has.
    NamespaceGroup(u32),
    /// The process behind a pidfd.
    Pidfd,
    /// Any child that the calling thread started (`__WNOTHREAD`).
    OfThread,
}

/// Why the process must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the parent, by birth or by adoption.
    Parent,
    /// It traces zombies of another parent, which cannot reap them until it releases them, or all of
    /// its own.
    Tracer,
}

/// All that is known about one suspect at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Why it must act.
    pub role: Role,
    /// For how long its waits and reaps are counted: since the agent or its program began.
    pub watched_ns: u64,
    /// The program it runs.
    pub program: Program,
    /// What it belongs to, which decides where to apply a remedy.
    pub place: Place,
    /// The zombies that it holds.
    pub zombies: Zombies,
    /// How it treats its dead children.
    pub habits: Habits,
    /// Its state; `None` if it could not be read.
    pub facts: Option<Facts>,
    /// What it did since the previous look.
    pub since: Option<Since>,
}

/// The program that a process runs now. What it did as an earlier program does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// How long ago it began by exec; `None` if that was not seen.
    pub age_ns: Option<u64>,
    /// Name of the program before.
    pub former: Option<String>,
    /// How many execs the process made since it was forked.
    pub execs: Option<u64>,
}

/// Whether a process has reaped a child, by the kernel's CPU accounting, which includes the time
/// before it was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// Never since it was forked.
    Never,
    /// The program that it runs now has.
    ByThisProgram,
    /// It has, perhaps as an earlier program.
    Perhaps,
}

/// What a process belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nothing known, or none of the others.
    #[default]
    Host,
    /// A container of a pod.
    Pod {
        /// `namespace/pod/container` if the names are known, else the UID of the pod.
        name: String,
        /// Zombies of this init were of other containers of the pod: they share a PID namespace.
        shares_pid_namespace: bool,
    },
    /// A container outside Kubernetes.
    Container {
        /// Its name, else its short ID.
        name: String,
    },
    /// A systemd unit.
    Unit {
        /// Its name.
        name: String,
    },
}

/// The zombies that one process holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zombies {
    /// All of them.
    pub count: u64,
    /// Those old enough to be a fault of the parent, as far as they were looked at. The other counts
    /// are of these.
    pub old: u64,
    /// Whether there are more: only the oldest of very many are looked at.
    pub is_sample: bool,
    /// Age of the oldest.
    pub oldest_age_ns: u64,
    /// Whether it is at least so old.
    pub age_is_lower_bound: bool,
    /// Those whose death sends no SIGCHLD, so that a plain wait call does not see them.
    pub without_sigchld: u64,
    /// Those that another process created, which has exited.
    pub adopted: u64,
    /// Name of one process that created them.
    pub forker: Option<String>,
    /// That process was ended by SIGKILL, and so left them behind.
    pub forker_was_killed: bool,
    /// The real parent of one that is held by a tracer.
    pub real_parent: Option<(u32, String)>,
    /// The exiting init of a PID namespace that some of them are in.
    pub held_init: Option<(u32, String)>,
    /// How many are in that namespace.
    pub in_its_namespace: u64,
    /// Those that were dead when a younger child was reaped, which a wait for any child does not do.
    pub passed_over: u64,
    /// Those that the process forked itself, as another program before its last exec.
    pub forked_before_exec: u64,
    /// Name that it had when it forked one of those.
    pub forked_as: Option<String>,
    /// PIDs of up to 32 of them, in the initial PID namespace.
    pub pids: Vec<u32>,
}

/// What a process did about its dead children while it was watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Its calls of wait4 and waitid.
    pub waits: Option<u64>,
    /// How long ago the last one began.
    pub last_wait_age_ns: Option<u64>,
    /// What they waited for; `None` if that is not known of all.
    pub asked: Option<Asked>,
    /// How long ago the last call began that could reap a child.
    pub last_take_age_ns: Option<u64>,
    /// How long ago the last call began that could reap any child.
    pub last_any_age_ns: Option<u64>,
    /// How long ago the last call with `WNOWAIT` began that could return one of these zombies.
    pub last_peek_age_ns: Option<u64>,
    /// Calls with `WNOWAIT` that could not have returned one of these zombies.
    pub peeks_elsewhere: u64,
    /// Children it reaped.
    pub reaped: u64,
    /// How long ago it reaped the last one.
    pub last_reap_age_ns: Option<u64>,
    /// The thread that reaped the last one.
    pub last_reaper_tid: Option<u32>,
}

/// The facts from its files in /proc and from its cgroup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Threads in all; `looked_at` may have fewer.
    pub threads: u32,
    /// The threads that were looked at.
    pub looked_at: Vec<Thread>,
    /// Its tracer.
    pub tracer: Option<(u32, Option<String>)>,
    /// What it does about SIGCHLD.
    pub sigchld: Option<Sigchld>,
    /// Its number in its own PID namespace, and how many namespaces deep that is.
    pub own_number: Option<(u32, u32)>,
    /// Whether its cgroup is frozen.
    pub freezer: Option<Freezer>,
    /// The other processes in that cgroup, which would be thawed with it.
    pub frozen_with_it: Option<Frozen>,
    /// Its time on and before the CPUs.
    pub cpu: Option<Cpu>,
    /// Its nice value: a positive one gives others the CPU first.
    pub nice: Option<i32>,
    /// It holds a signalfd that takes SIGCHLD; `None` where its descriptors could not be read.
    pub signalfd: Option<bool>,
    /// The first of SIGINT, SIGTERM and SIGKILL that it neither ignores nor blocks.
    pub ended_by: Option<u8>,
    /// The signal that stopped it, where its threads are stopped by job control.
    pub stop_signal: Option<u8>,
    /// Whether the kernel has added the usage of a reaped child to its accounting, for any of its
    /// programs
    /// ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).
    pub has_usage_of_children: Option<bool>,
    /// What could not be read, and what that needs: `/proc/42/stack needs CAP_SYS_ADMIN`.
    pub unreadable: Vec<String>,
}

/// One thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub tid: u32,
    /// The letter of /proc: R, S, D, T, t, Z, I.
    pub state: char,
    /// The kernel function it sleeps in.
    pub wchan: Option<String>,
    /// What it waits for, if it is in a wait call.
    pub awaits: Option<Awaited>,
    /// Frames of its kernel stack, innermost first, if it is in uninterruptible sleep.
    pub stack: Vec<String>,
    /// Its name.
    pub comm: String,
    /// What it sleeps on, if that is known.
    pub block: Option<Block>,
}

/// What a process does about SIGCHLD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sigchld {
    /// In how many of the threads that were looked at it is blocked.
    pub blocked_in: u32,
    /// One is pending.
    pub pending: bool,
    /// A handler is installed.
    pub caught: bool,
    /// It is ignored, so that the kernel reaps the children and their exit statuses are lost.
    pub ignored: bool,
}

/// Time since the threads that were looked at began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// On a CPU.
    pub ran_ns: u64,
    /// Runnable, but not on a CPU, until it last got one
    /// ([`sched_info_arrive`](https://elixir.bootlin.com/linux/v6.12/A/ident/sched_info_arrive)).
    pub queued_ns: u64,
    /// What its cgroup's quota did.
    pub quota: Option<Quota>,
}

/// How the CPU quota of a cgroup kept its processes off the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// For how long, until it last let them on
    /// ([`unthrottle_cfs_rq`](https://elixir.bootlin.com/linux/v6.12/A/ident/unthrottle_cfs_rq)).
    pub throttled_ns: u64,
    /// In how many periods, counted as each ends
    /// ([`do_sched_cfs_period_timer`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_sched_cfs_period_timer)).
    pub throttled_periods: u64,
}

/// What happened since an earlier look at the same suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// How long ago that was.
    pub span_ns: u64,
    /// Its calls of wait4 and waitid since then.
    pub waits: Option<u64>,
    /// Children it reaped since then.
    pub reaped: u64,
    /// Whether it held one of its zombies all that time.
    pub held_throughout: bool,
    /// Its time on and before the CPUs since then.
    pub cpu: Option<Cpu>,
    /// Whether each thread was in uninterruptible sleep then too.
    pub was_uninterruptible: bool,
    /// Whether a runnable thread was runnable then too. Only this shows a thread that got no CPU in
    /// between: the kernel adds its waiting time when it runs again.
    pub was_runnable: bool,
}

impl Facts {
    /// Threads that have not ended.
    pub fn living(&self) -> impl Iterator<Item = &Thread> {
        let ended = |thread: &&Thread| !matches!(thread.state, 'Z' | 'X');
        self.looked_at.iter().filter(ended)
    }
}
