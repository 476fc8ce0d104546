//! Events reported by the kernel side, decoded from the ring.
//!
//! All times are nanoseconds of `CLOCK_BOOTTIME`. Unknown values are `None`.

mod cgroup;
mod comm;
mod decode;
mod kept;
mod kill;
mod steps;
mod tasks;
mod threads;
mod waits;

pub use cgroup::{CgroupId, CgroupIds, CgroupMade, CgroupVersion, ROOT_ID};
pub use comm::Comm;
pub use decode::{Malformed, decode, decode_task};
pub use kept::{Reaps, counted_reap, decode_kept, held_death, reaps};
pub use kill::{Kill, KillBy};
pub use steps::Steps;
pub use tasks::Tasks;
pub use threads::decode_threads;
pub use waits::{Asked, Peeked, Target, Waits};

/// Identity of a process; a PID alone is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// TGID in the initial PID namespace.
    pub tgid: u32,
    /// Start of its first thread; the same after an exec by another thread.
    pub start_ns: u64,
}

impl Key {
    /// Whether both are the same process, if either start time may come from /proc, which rounds
    /// down to ticks of 10 ms. Twice that is tolerated; the kernel does not reuse a PID that soon.
    pub fn is_roughly(self, other: Self) -> bool {
        self.tgid == other.tgid && self.start_ns.abs_diff(other.start_ns) <= TICK_TOLERANCE_NS
    }
}

/// Tolerance between two start times of one process if one of them comes from /proc.
pub const TICK_TOLERANCE_NS: u64 = 20_000_000;

/// A process as named by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its identity.
    pub key: Key,
    /// The thread that acted, or the tgid.
    pub tid: u32,
    /// Name of its group leader.
    pub comm: Comm,
}

impl Process {
    /// A process that acts by its first thread.
    pub fn new(tgid: u32, start_ns: u64, comm: &str) -> Self {
        Self {
            key: Key { tgid, start_ns },
            tid: tgid,
            comm: comm.into(),
        }
    }
}

/// How a process ended, from its wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By exit with this code.
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

/// Resources used by a process, as accounted by the kernel at death.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU time in user mode, all threads.
    pub user_ns: u64,
    /// CPU time in the kernel, all threads.
    pub system_ns: u64,
    /// Number of threads when it began to exit.
    pub threads: Option<u32>,
    /// Peak resident set size.
    pub max_rss_bytes: u64,
}

/// The PID of a process in one PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamespacePid {
    /// Inode number of the namespace.
    pub namespace: u32,
    /// The PID in it.
    pub nr: u32,
}

/// A process died and its parent was notified, or it was auto-reaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at_ns: u64,
    /// Whether `at_ns` is only a lower bound, since no notification was seen.
    pub at_is_lower_bound: bool,
    /// The process.
    pub process: Process,
    /// The parent that has to reap it.
    pub parent: Option<Process>,
    /// Its ptracer, which has to wait for it first.
    pub tracer: Option<Process>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The last fatal signal; it killed only if `status` names the same signal.
    pub kill: Option<Kill>,
    /// When the whole group began to exit.
    pub begin_ns: Option<u64>,
    /// How it ended.
    pub status: ExitStatus,
    /// The signal sent to its parent; 0 for none.
    pub exit_signal: i32,
    /// Whether its parent lets the kernel reap it: released at once, unless a tracer holds it.
    pub autoreap: bool,
    /// Its cgroup.
    pub cgroups: CgroupIds,
    /// Real uid in the initial user namespace.
    pub uid: u32,
    /// What it used.
    pub resources: Resources,
    /// Time in each step of its exit, if measured.
    pub steps: Option<Steps>,
    /// Its PIDs, outermost namespace first.
    pub pids: Vec<NamespacePid>,
}

/// `release_task` ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at_ns: u64,
    /// The released process.
    pub dead: Key,
    /// The reaper.
    pub by: Process,
    /// Name of the reaping thread, if it is not the first one.
    pub by_thread: Option<Comm>,
    /// Whether the reaper was itself exiting.
    pub reaper_exiting: bool,
    /// Whether the dead process released itself.
    pub by_itself: bool,
}

/// A wait call returned a dead child and reaped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// When the call returned.
    pub at_ns: u64,
    /// The child, in the reaper's PID namespace.
    pub child: NamespacePid,
    /// The process that waited.
    pub by: Process,
    /// Name of the waiting thread, if it is not the first one.
    pub by_thread: Option<Comm>,
}

/// The kernel freed a released process: an upper bound of its reap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// When.
    pub at_ns: u64,
    /// The process.
    pub dead: Key,
}

/// Another process became responsible for a zombie: it was adopted, or its tracer released it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renotified {
    /// When.
    pub at_ns: u64,
    /// The zombie, in the new parent's PID namespace.
    pub child: NamespacePid,
    /// The process that has to reap it now.
    pub parent: Process,
    /// Whether the new parent has `SA_NOCLDWAIT`: then it is released at once.
    pub autoreap: bool,
}

/// A zombie's pidfd hung up: it was reaped less than 100 µs before `at_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp {
    /// When user space noticed.
    pub at_ns: u64,
    /// The reaped process.
    pub dead: Key,
}

/// A process that had forked or waited called exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execed {
    /// When.
    pub at_ns: u64,
    /// The process, with its new name.
    pub process: Process,
    /// Name of the previous program; empty if unknown.
    pub former: Comm,
}

/// An event.
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

impl Event {
    /// When it happened.
    pub fn at_ns(&self) -> u64 {
        match self {
            Self::Death(it) => it.at_ns,
            Self::Release(it) => it.at_ns,
            Self::Waited(it) => it.at_ns,
            Self::Freed(it) => it.at_ns,
            Self::Renotified(it) => it.at_ns,
            Self::Exec(it) => it.at_ns,
            Self::HungUp(it) => it.at_ns,
            Self::CgroupMade(it) => it.at_ns,
        }
    }
}

/// One group leader in a snapshot of all processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The process.
    pub process: Process,
    /// Its state.
    pub state: TaskState,
    /// It is a zombie whose death the kernel side holds back: it reports it later, or counts it.
    pub is_held: bool,
    /// The parent that has to reap it.
    pub parent: Option<Process>,
    /// Its ptracer.
    pub tracer: Option<Process>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The last fatal signal, which may still be ignored or handled.
    pub kill: Option<Box<Kill>>,
    /// When the whole group began to exit.
    pub begin_ns: Option<u64>,
    /// How it ended, if it is a zombie.
    pub status: Option<ExitStatus>,
    /// The signal sent to its parent, if the source knows it.
    pub exit_signal: Option<i32>,
    /// Its cgroup, if the source knows it.
    pub cgroups: CgroupIds,
    /// Real uid.
    pub uid: u32,
    /// Its wait calls since the agent or its program started, if the source knows them.
    pub waits: Option<Box<Waits>>,
    /// If it is a zombie: a moment at which it was dead, usually milliseconds after its death.
    pub dead_by_ns: Option<u64>,
    /// Its PIDs, outermost namespace first; empty if the source does not know them.
    pub pids: Vec<NamespacePid>,
    /// The exec of its current program, if it had forked or waited before that.
    pub exec: Option<Box<Exec>>,
    /// How many times it and its ancestors called exec
    /// ([`self_exec_id`](https://elixir.bootlin.com/linux/v6.12/A/ident/self_exec_id)).
    pub exec_id: Option<u64>,
    /// The same count of its forker at the fork; it survives adoption.
    pub parent_exec_id: Option<u64>,
    /// Its process group in the initial PID namespace; 0 if the source does not know it.
    pub group: u32,
    /// Its session, likewise.
    pub session: u32,
    /// Whether it adopts orphans among its descendants, if the source knows that.
    pub subreaper: Option<bool>,
    /// The signal of its job control stop, if it is stopped.
    pub stop_signal: Option<u8>,
    /// The last terminating signal that it ignored, or that the kernel dropped for it.
    pub ignored: Option<Box<Ignored>>,
}

/// An exec of a process that had forked or waited before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// When.
    pub at_ns: u64,
    /// Name of the previous program; empty if unknown.
    pub former: Comm,
}

/// A terminating signal without effect: its target ignores it, or is the init of a PID namespace
/// without a handler for it
/// ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The signal number.
    pub signal: u8,
    /// When the last one was sent.
    pub at_ns: u64,
    /// The sender; `None` for the kernel.
    pub by: Option<Process>,
    /// Whether the target has SIG_IGN for it; otherwise the kernel dropped it for an init without a
    /// handler.
    pub by_choice: bool,
}

impl Task {
    /// A task with nothing else known.
    pub fn new(process: Process, state: TaskState) -> Self {
        Self {
            process,
            state,
            is_held: false,
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

/// A living thread of a process that is exiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its process.
    pub of: Key,
    /// Its TID.
    pub tid: u32,
    /// If it sleeps: a moment at which it was already asleep, usually for milliseconds.
    pub slept_by_ns: Option<u64>,
    /// Its kernel stack as printed by the kernel, `name+0x1/0x2 [module]`, innermost frame first;
    /// empty if unavailable.
    pub stack: Vec<String>,
}

/// State of a process in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Any other state.
    Alive,
    /// Its leader ended, other threads live on: not a zombie.
    LeaderExited,
    /// Exiting.
    Exiting,
    /// Dead and not reaped.
    Zombie,
}

/// All processes at one time, from iter/task or from /proc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the reading began; a process that died later may be missing.
    pub begun_ns: u64,
    /// When the reading ended.
    pub ended_ns: u64,
    /// Whether start times are exact; those from /proc are rounded down to ticks of 10 ms.
    pub exact_start: bool,
    /// The processes.
    pub tasks: Tasks,
}
