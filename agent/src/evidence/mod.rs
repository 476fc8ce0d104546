//! What is known about a suspect: a process that must reap and has not. Plain data; it is read by
//! `collect` and `cgroup`, put together by `suspects`, and judged by the rules of `verdict`.
//!
//! Absent knowledge is `None`: a rule then says less, or nothing.

pub use block::Block;
pub use freezing::{Freezer, Frozen};

use crate::events::Asked;

pub mod block;
pub mod cgroup;
pub mod collect;
pub mod ends;
mod freezing;
mod mounts;
mod origin;
pub(crate) mod parse;
mod peeks;
pub mod stuck;
pub mod suspects;

/// Why the process must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the parent, by birth or by adoption.
    Parent,
    /// It traces zombies of another parent, which cannot reap them until it lets them go.
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
    /// What it belongs to, which decides where a remedy is applied.
    pub place: Place,
    /// What it holds.
    pub zombies: Zombies,
    /// How it treats its dead children.
    pub habits: Habits,
    /// What it is and does; `None` where it could not be read.
    pub facts: Option<Facts>,
    /// What it did since an earlier look.
    pub since: Option<Since>,
}

/// The program that a process runs now: what it did as another one before is not its habit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// How long ago it began by exec; `None` where that was not seen.
    pub age_ns: Option<u64>,
    /// Name of the program before.
    pub former: Option<String>,
    /// How many execs the process made since it was forked.
    pub execs: Option<u64>,
}

/// Whether a process has reaped a child, as the kernel's accounts tell: also of the time before it
/// was watched.
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
        /// `namespace/pod/container` as far as names are known, else the pod's UID.
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
    /// Those past the age at which they accuse somebody. The other counts are of these.
    pub old: u64,
    /// Age of the oldest.
    pub oldest_age_ns: u64,
    /// Whether it is at least so old.
    pub age_is_lower_bound: bool,
    /// Those whose death sends no SIGCHLD, so that a plain wait does not see them.
    pub without_sigchld: u64,
    /// Those that another process created, which is gone.
    pub adopted: u64,
    /// Name of one process that created them.
    pub forker: Option<String>,
    /// That process was ended by SIGKILL, and so left them behind.
    pub forker_was_killed: bool,
    /// The real parent of one that is held by a tracer.
    pub real_parent: Option<(u32, String)>,
    /// The init, on its way out, of a PID namespace that some of them keep from ending.
    pub held_init: Option<(u32, String)>,
    /// How many are in that namespace.
    pub in_its_namespace: u64,
    /// Those that lay dead when a child born later was reaped: no wait for any child does that.
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
    /// What they asked for; `None` where that is not known of all.
    pub asked: Option<Asked>,
    /// How long ago the last call began that would take somebody.
    pub last_take_age_ns: Option<u64>,
    /// How long ago the last one began that would take any child.
    pub last_any_age_ns: Option<u64>,
    /// How long ago the last one began that would look at one of these zombies and leave it.
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

/// What the files of /proc and of its cgroup say.
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
    /// Who else is in that cgroup, and would be thawed with it.
    pub frozen_with_it: Option<Frozen>,
    /// Its time on and before the CPUs.
    pub cpu: Option<Cpu>,
    /// Its nice value: a positive one gives others the CPU first.
    pub nice: Option<i32>,
    /// It holds a signalfd that takes SIGCHLD; `None` where its descriptors could not be read.
    pub signalfd: Option<bool>,
    /// The signal that stopped it, where its threads are stopped by job control.
    pub stop_signal: Option<u8>,
    /// Whether the kernel has booked to it what a child used: a wait of any of its programs took
    /// one since it was forked
    /// ([`wait_task_zombie`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_task_zombie)).
    pub booked_children: Option<bool>,
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
    /// Whom it waits for, where it is inside a wait call.
    pub awaits: Option<Awaited>,
    /// Frames of its kernel stack, innermost first, where it sleeps uninterruptibly.
    pub stack: Vec<String>,
    /// Its name.
    pub comm: String,
    /// What it waits for, where it sleeps and that can be told.
    pub block: Option<Block>,
}

/// What a wait call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Any child.
    Any,
    /// One process, by the number that the caller's namespace has for it.
    Process(u32),
    /// The members of a process group; 0 is the caller's own.
    Group(u32),
    /// The process behind a pidfd.
    Pidfd,
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
    /// Whether one of its zombies was there to be taken all the time.
    pub held_throughout: bool,
    /// Its time on and before the CPUs since then.
    pub cpu: Option<Cpu>,
    /// Whether each thread was in uninterruptible sleep then too.
    pub was_uninterruptible: bool,
    /// Whether a thread that wants to run wanted to then too. One that never got a CPU meanwhile
    /// is told by this alone: the kernel books the time that it stands when it runs again.
    pub was_runnable: bool,
}

impl Evidence {
    /// Whether it ever waited or reaped; `None` where nothing says so and waits are not counted.
    pub fn ever_waited(&self) -> Option<bool> {
        if self.was_seen_waiting() || self.reaped_before() == Some(Reaped::ByThisProgram) {
            return Some(true);
        }
        self.habits.waits.map(|waits| waits > 0)
    }

    /// Whether it waited or reaped while it was watched.
    pub fn was_seen_waiting(&self) -> bool {
        self.habits.reaped > 0 || self.habits.waits > Some(0)
    }

    /// Whether it reaped before it was watched, where the kernel's accounts tell. They survive an
    /// exec: what an earlier program reaped is in them too. One that the agent saw begin is known
    /// by what was counted since.
    pub fn reaped_before(&self) -> Option<Reaped> {
        let booked = self.facts.as_ref()?.booked_children?;
        if !booked {
            return Some(Reaped::Never);
        }
        if self.program.age_ns.is_some() {
            return None;
        }
        Some(match self.program.execs {
            Some(0 | 1) => Reaped::ByThisProgram,
            _ => Reaped::Perhaps,
        })
    }

    /// Whether it began a wait while its oldest zombie lay dead.
    pub fn waited_beside_the_dead(&self) -> Option<bool> {
        if self.habits.waits? == 0 {
            return Some(false);
        }
        Some(self.habits.last_wait_age_ns? < self.zombies.oldest_age_ns)
    }

    /// Whether it began a wait that would take any child while its oldest zombie lay dead.
    pub fn asked_for_any_beside_the_dead(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_beside_the_dead(self.habits.last_any_age_ns))
    }

    /// Whether it began a wait that would take somebody while its oldest zombie lay dead.
    pub fn would_take_beside_the_dead(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_beside_the_dead(self.habits.last_take_age_ns))
    }

    /// Whether it looked at the dead, to leave them, while its oldest zombie lay dead.
    pub fn peeked_beside_the_dead(&self) -> bool {
        self.is_beside_the_dead(self.habits.last_peek_age_ns)
    }

    fn is_beside_the_dead(&self, age_ns: Option<u64>) -> bool {
        age_ns.is_some_and(|age_ns| age_ns < self.zombies.oldest_age_ns)
    }

    /// Whether it peeked and took nobody while its oldest zombie was there; `None` where what it
    /// asked for is not known.
    pub fn peeked_instead(&self) -> Option<bool> {
        Some(!self.would_take_beside_the_dead()? && self.peeked_beside_the_dead())
    }

    /// Whether it reaped somebody while its oldest zombie lay dead.
    pub fn reaped_beside_the_dead(&self) -> bool {
        self.is_beside_the_dead(self.habits.last_reap_age_ns)
    }

    /// Whether it began its last wait before they died. That one may have been under way, and have
    /// taken another child beside them: then it must have reaped nobody since the look before.
    pub fn has_not_waited_since_they_died(&self) -> bool {
        let no_more = |since: &Since| since.held_throughout && since.reaped == 0;
        self.waited_beside_the_dead() == Some(false)
            && (!self.reaped_beside_the_dead() || self.since.as_ref().is_some_and(no_more))
    }

    /// Whether it neither waited nor reaped between two looks, while one of its zombies was there to
    /// be taken.
    pub fn has_not_waited_since_the_look_before(&self) -> bool {
        self.since.as_ref().is_some_and(|since| {
            since.held_throughout && since.waits == Some(0) && since.reaped == 0
        })
    }

    /// Whether a different process created most of its zombies.
    pub fn holds_mostly_adopted(&self) -> bool {
        self.zombies.adopted * 2 >= self.zombies.old.max(1)
    }

    /// Whether it is the init of a PID namespace.
    pub fn is_init(&self) -> bool {
        let number = self.facts.as_ref().and_then(|facts| facts.own_number);
        number.is_some_and(|(number, _)| number == 1)
    }

    /// The threads that want to run or do.
    pub fn runnable(&self) -> impl Iterator<Item = &Thread> {
        let living = self.facts.iter().flat_map(Facts::living);
        living.filter(|thread| thread.state == 'R')
    }

    /// Whether all threads that were looked at are in one of these states, the ended aside.
    pub fn all_threads(&self, states: &[char]) -> bool {
        self.facts.as_ref().is_some_and(|facts| {
            let mut living = facts.living().peekable();
            living.peek().is_some() && living.all(|thread| states.contains(&thread.state))
        })
    }

    /// Whether it ran between two looks while one of its zombies was there to be taken, so that it
    /// could have called wait; `None` where there was no earlier look, or no time could be read.
    pub fn ran_beside_the_dead(&self) -> Option<bool> {
        let since = self.since.as_ref().filter(|since| since.held_throughout)?;
        Some(since.cpu?.ran_ns > 0)
    }

    /// Whether it installed what tells it of deaths: a handler for SIGCHLD, or a signalfd.
    pub fn listens_for_deaths(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| {
            facts.signalfd == Some(true) || facts.sigchld.is_some_and(|sigchld| sigchld.caught)
        })
    }

    /// Whether SIGCHLD reaches it: by a handler, a signalfd, or, blocked in all threads, by sigwait.
    pub fn hears_of_deaths(&self) -> bool {
        let facts = self.facts.as_ref();
        let by_call = facts.is_some_and(|facts| {
            let living = facts.living().count() as u32;
            let blocked = facts.sigchld.map(|sigchld| sigchld.blocked_in);
            living > 0 && blocked == Some(living)
        });
        by_call || self.reaper_is_in_sigwait() || self.listens_for_deaths()
    }

    /// Whether the thread that reaps is in sigwait, sigwaitinfo or sigtimedwait. Signals that they
    /// wait for are not blocked meanwhile
    /// ([`do_sigtimedwait`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_sigtimedwait)).
    pub fn reaper_is_in_sigwait(&self) -> bool {
        let wchan = self.reaping_thread().and_then(|(it, _)| it.wchan.as_ref());
        wchan.is_some_and(|wchan| wchan.starts_with("do_sigtimedwait"))
    }

    /// Whether the thread that reaps is waiting for a signal.
    pub fn reaper_awaits_signals(&self) -> bool {
        let block = self.reaping_thread().and_then(|(it, _)| it.block.as_ref());
        block.is_some_and(|block| block.on == block::On::Signal)
    }

    /// Whether it hears of deaths and each of its waits named one child and took it: it takes the
    /// PID from the signal, so that one SIGCHLD for several deaths leaves the others.
    pub fn waits_once_per_signal(&self) -> bool {
        let Habits { waits, reaped, .. } = self.habits;
        self.hears_of_deaths()
            && self.asked_for_any_beside_the_dead() == Some(false)
            && self
                .habits
                .asked
                .is_some_and(|asked| asked.process + asked.pidfd > 0)
            && self.waits_elsewhere().is_none()
            && self.reaped_beside_the_dead()
            && reaped > 1
            && waits == Some(reaped)
    }

    /// The thread that used to reap, else the main thread, else the first that lives; and whether
    /// it is the one that used to.
    pub fn reaping_thread(&self) -> Option<(&Thread, bool)> {
        let facts = self.facts.as_ref()?;
        let of = |tid: u32| facts.living().find(|thread| thread.tid == tid);
        if let Some(reaper) = self.habits.last_reaper_tid.and_then(of) {
            return Some((reaper, true));
        }
        let main = of(self.pid).or_else(|| facts.living().next())?;
        Some((main, false))
    }

    /// The thread that reaped the last one, where it has ended and the process has not.
    pub fn ended_reaper(&self) -> Option<u32> {
        let facts = self.facts.as_ref()?;
        let tid = self.habits.last_reaper_tid?;
        let all = facts.looked_at.len() == facts.threads as usize;
        let lives = facts.living().any(|thread| thread.tid == tid);
        (all && !lives).then_some(tid)
    }

    /// Whether its wait calls name single processes, by PID or pidfd: to take any child beside them
    /// would take the exit statuses that those calls wait for.
    pub fn waits_by_pid(&self) -> bool {
        let asked = self.habits.asked.unwrap_or_default();
        let inside =
            |thread: &Thread| matches!(thread.awaits, Some(Awaited::Process(_) | Awaited::Pidfd));
        let facts = self.facts.as_ref();
        asked.process + asked.pidfd > 0
            || self.habits.peeks_elsewhere > 0
            || facts.is_some_and(|facts| facts.living().any(inside))
    }

    /// Whether it does nothing about its children by what its threads do now: each sleeps, none
    /// in a wait, and neither a handler nor a blocked SIGCHLD would tell it of a death.
    pub fn is_deaf(&self) -> bool {
        let Some(facts) = &self.facts else {
            return false;
        };
        let elsewhere = |thread: &Thread| {
            let wchan = thread.wchan.as_deref();
            thread.awaits.is_none() && wchan.is_some_and(|wchan| wchan != "do_wait")
        };
        let deaf = |sigchld: Sigchld| !sigchld.caught && sigchld.blocked_in == 0;
        let has_signalfd = facts.signalfd == Some(true);
        self.all_threads(&['S', 'I'])
            && facts.living().all(elsewhere)
            && facts.looked_at.len() == facts.threads as usize
            && facts.sigchld.is_some_and(deaf)
            && !has_signalfd
    }

    /// A thread inside a wait that cannot end with one of its zombies, and whom it waits for.
    pub fn waits_elsewhere(&self) -> Option<(&Thread, Awaited)> {
        let threads = self.facts.as_ref()?.living();
        let mut awaiting = threads.filter_map(|thread| Some((thread, thread.awaits?)));
        awaiting.find(|(_, awaited)| *awaited != Awaited::Any)
    }

    /// What it did contradicts what its state says.
    pub fn contradiction(&self) -> Option<&'static str> {
        let since = self.since.as_ref();
        let acted = since.is_some_and(|since| since.reaped > 0 || since.waits > Some(0));
        if self.habits.waits == Some(0) && self.habits.reaped > 0 {
            Some("it reaped children, yet no wait call of it was seen")
        } else if acted && self.all_threads(&['T', 't', 'D']) {
            Some("it waited or reaped since the look before")
        } else {
            None
        }
    }
}

impl Facts {
    /// Threads that have not ended.
    pub fn living(&self) -> impl Iterator<Item = &Thread> {
        let ended = |thread: &&Thread| !matches!(thread.state, 'Z' | 'X');
        self.looked_at.iter().filter(ended)
    }
}
