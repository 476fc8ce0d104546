//! What the kernel side reports, decoded: bytes of the ring → [`Event`].
//!
//! All times are nanoseconds of `CLOCK_BOOTTIME`. Absent knowledge is `None`.

mod cgroup;
mod decode;
mod kill;
mod steps;
mod threads;
mod waits;

pub use cgroup::{CgroupId, CgroupIds, CgroupMade, CgroupVersion, ROOT_ID};
pub use decode::{Malformed, decode, decode_task};
pub use kill::{Kill, KillBy};
pub use steps::Steps;
pub use threads::decode_threads;
pub use waits::{Asked, Peeked, Target, Waits};

/// A process over all time: a PID alone is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Thread group id in the initial PID namespace.
    pub tgid: u32,
    /// Start of its first thread; the same after an exec by another thread.
    pub start_ns: u64,
}

impl Key {
    /// Whether both are the same process where either start may come from /proc, which has it in
    /// ticks of 10 ms, rounded down. Twice that is tolerated; the kernel does not give a number
    /// again so soon.
    pub fn is_roughly(self, other: Self) -> bool {
        self.tgid == other.tgid && self.start_ns.abs_diff(other.start_ns) <= TICK_TOLERANCE_NS
    }
}

/// How far two start times of one process may be apart where one of them comes from /proc.
pub const TICK_TOLERANCE_NS: u64 = 20_000_000;

/// A process as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which.
    pub key: Key,
    /// The thread that acted, or the tgid.
    pub tid: u32,
    /// Name of its group leader; bytes that are not UTF-8 are replaced.
    pub comm: String,
}

/// How a process ended, from its wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By exit, with this code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
    /// By this signal, with a core dump.
    Dumped(u8),
}

impl ExitStatus {
    /// From a wait status as wait(2) describes it.
    pub fn from_wait(status: u32) -> Self {
        let signal = (status & 0x7f) as u8;
        match (signal, status & 0x80 != 0) {
            (0, _) => Self::Exited((status >> 8) as u8),
            (_, false) => Self::Killed(signal),
            (_, true) => Self::Dumped(signal),
        }
    }
}

/// What a process used in its life, as the kernel accounts it at death.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Time on a CPU in user mode, all threads.
    pub user_ns: u64,
    /// Time on a CPU in the kernel, all threads.
    pub system_ns: u64,
    /// Threads when it began to exit.
    pub threads: Option<u32>,
    /// Largest resident set.
    pub max_rss_bytes: u64,
}

/// The number of a process in one PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamespacePid {
    /// Inode number of the namespace.
    pub namespace: u32,
    /// The number in it.
    pub nr: u32,
}

/// A process is dead and its parent was told; or it was auto-reaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at_ns: u64,
    /// Whether `at_ns` is only a lower bound, since no notification could be seen.
    pub at_is_lower_bound: bool,
    /// Who died.
    pub process: Process,
    /// Who must reap it.
    pub parent: Option<Process>,
    /// Its ptracer, which must wait for it first.
    pub tracer: Option<Process>,
    /// Who created it.
    pub forker: Option<Process>,
    /// The last fatal signal; it killed only if `status` names the same signal.
    pub kill: Option<Kill>,
    /// First moment the whole group was on its way out.
    pub begin_ns: Option<u64>,
    /// How it ended.
    pub status: ExitStatus,
    /// The signal that its parent gets, 0 for none.
    pub exit_signal: i32,
    /// Its parent lets the kernel reap it: released at once, unless a tracer holds it.
    pub autoreap: bool,
    /// Where it was.
    pub cgroups: CgroupIds,
    /// Real uid in the initial user namespace.
    pub uid: u32,
    /// What it used.
    pub resources: Resources,
    /// Where the time of its exit went, where that was measured.
    pub steps: Option<Steps>,
    /// Its numbers, outermost namespace first.
    pub pids: Vec<NamespacePid>,
}

/// `release_task` ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at_ns: u64,
    /// Who was released.
    pub dead: Key,
    /// Who released it.
    pub by: Process,
    /// Name of the thread that did, where that is not the first one.
    pub by_thread: Option<String>,
    /// The reaper was itself exiting.
    pub reaper_exiting: bool,
    /// The dead released itself.
    pub by_itself: bool,
}

/// A wait call returned a dead child and took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// When the call returned.
    pub at_ns: u64,
    /// The child, in the reaper's PID namespace.
    pub child: NamespacePid,
    /// Who waited.
    pub by: Process,
    /// Name of the thread that did, where that is not the first one.
    pub by_thread: Option<String>,
}

/// The kernel freed a released process: an upper bound of its reap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// When.
    pub at_ns: u64,
    /// Who was freed.
    pub dead: Key,
}

/// Somebody else was told of an existing zombie: it was adopted, or its tracer let it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renotified {
    /// When.
    pub at_ns: u64,
    /// The zombie, in the new parent's PID namespace.
    pub child: NamespacePid,
    /// Who must reap it now.
    pub parent: Process,
    /// The new parent has `SA_NOCLDWAIT`: released at once.
    pub autoreap: bool,
}

/// A zombie's pidfd hung up: it was reaped a moment (below 100 µs) before `at_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp {
    /// When user space learnt of it.
    pub at_ns: u64,
    /// Who was reaped.
    pub dead: Key,
}

/// A process that had children or had waited for some runs another program from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execed {
    /// When.
    pub at_ns: u64,
    /// The process, by its new name.
    pub process: Process,
    /// Name of the program before, empty where that is not known.
    pub former: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// See [`Death`].
    Death(Box<Death>),
    /// See [`Release`].
    Release(Release),
    /// See [`Waited`].
    Waited(Waited),
    /// See [`Freed`].
    Freed(Freed),
    /// See [`Renotified`].
    Renotified(Renotified),
    /// See [`Execed`].
    Exec(Execed),
    /// See [`HungUp`]; from user space, not from the ring.
    HungUp(HungUp),
    /// See [`CgroupMade`].
    CgroupMade(CgroupMade),
}

/// One group leader of a snapshot of all processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Who.
    pub process: Process,
    /// Its state.
    pub state: TaskState,
    /// Who must reap it.
    pub parent: Option<Process>,
    /// Its ptracer.
    pub tracer: Option<Process>,
    /// Who created it.
    pub forker: Option<Process>,
    /// The last fatal signal, which may yet be ignored or handled.
    pub kill: Option<Kill>,
    /// First moment the whole group was on its way out.
    pub begin_ns: Option<u64>,
    /// How it ended, of a zombie.
    pub status: Option<ExitStatus>,
    /// The signal that its parent gets, where the source knows it.
    pub exit_signal: Option<i32>,
    /// Where it is, where the source knows it.
    pub cgroups: CgroupIds,
    /// Real uid.
    pub uid: u32,
    /// Its wait calls since the agent or its program began, where the source knows them.
    pub waits: Option<Waits>,
    /// Of a zombie: it was dead at this moment, and as a rule had died milliseconds before.
    pub dead_by_ns: Option<u64>,
    /// Its numbers, outermost namespace first; empty where the source does not know.
    pub pids: Vec<NamespacePid>,
    /// The exec by which its program began, where it did something as another program before.
    pub exec: Option<Exec>,
    /// How many execs it and its ancestors made
    /// ([`self_exec_id`](https://elixir.bootlin.com/linux/v6.12/A/ident/self_exec_id)).
    pub exec_id: Option<u64>,
    /// The same count of whoever forked it, at the fork; it survives an adoption.
    pub parent_exec_id: Option<u64>,
    /// Its process group, as the initial PID namespace numbers it; 0 where the source does not know.
    pub group: u32,
    /// Its session, likewise.
    pub session: u32,
    /// Whether orphans among its descendants come to it, where the source knows that.
    pub subreaper: Option<bool>,
    /// The signal of its job control stop, of a process that is stopped.
    pub stop_signal: Option<u8>,
    /// The last terminating signal that it ignored, or that the kernel dropped for it.
    pub ignored: Option<Ignored>,
}

/// An exec of a process that had forked or waited as another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// When.
    pub at_ns: u64,
    /// Name of the program before, empty where that is not known.
    pub former: String,
}

/// A terminating signal that came to nothing: its target ignores it, or is the init of a PID
/// namespace without a handler for it
/// ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its number.
    pub signal: u8,
    /// When the last one was sent.
    pub at_ns: u64,
    /// Who sent it; `None` for the kernel.
    pub by: Option<Process>,
    /// The target has SIG_IGN for it; else the kernel dropped it for an init without a handler.
    pub by_choice: bool,
}

impl Task {
    /// One of which nothing else is known.
    pub fn new(process: Process, state: TaskState) -> Self {
        Self {
            process,
            state,
            parent: None,
            tracer: None,
            forker: None,
            kill: None,
            begin_ns: None,
            status: None,
            exit_signal: None,
            cgroups: CgroupIds::default(),
            uid: 0,
            waits: None,
            dead_by_ns: None,
            pids: Vec::new(),
            exec: None,
            exec_id: None,
            parent_exec_id: None,
            group: 0,
            session: 0,
            subreaper: None,
            stop_signal: None,
            ignored: None,
        }
    }
}

/// A thread that has not ended, of a process that is on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its process.
    pub of: Key,
    /// Its number.
    pub tid: u32,
    /// If it sleeps: it slept already at this moment, and as a rule since milliseconds before.
    pub slept_by_ns: Option<u64>,
    /// Its kernel stack as the kernel prints it, `name+0x1/0x2 [module]`, innermost first; none
    /// where it could not be had.
    pub stack: Vec<String>,
}

/// State of a process in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Anything that is none of the others.
    Alive,
    /// Its leader ended, other threads live on: not a zombie.
    LeaderExited,
    /// On its way out.
    Exiting,
    /// Dead and not reaped.
    Zombie,
}

/// All processes at one time, from iter/task or from /proc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the reading began: a death after it need not be in the list.
    pub begun_ns: u64,
    /// When the reading ended.
    pub ended_ns: u64,
    /// Whether start times are exact; those of /proc come in ticks of 10 ms, rounded down.
    pub exact_start: bool,
    /// The processes.
    pub tasks: Vec<Task>,
}

impl Snapshot {
    /// That of a process, as far as start times tell.
    pub fn of(&self, key: Key) -> Option<&Task> {
        self.tasks
            .iter()
            .find(|task| task.process.key.is_roughly(key))
    }
}
