//! What the iterators write: one record for each process, or for each exiting thread.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{COMM_LEN, NAMESPACE_LEVELS, NamespacePid, Process, Waits};

/// Bits of a [`TaskRecord`].
pub mod task_flags {
    /// `exit_state` is `EXIT_ZOMBIE`.
    pub const ZOMBIE: u32 = 1 << 0;
    /// A zombie leader with live threads: not reapable, not a zombie to us.
    pub const LEADER_EXITED: u32 = 1 << 1;
    /// The group exits as a whole, dumps core or has no live thread left, and is not yet a
    /// zombie.
    pub const EXITING: u32 = 1 << 2;
    /// It is a subreaper: orphans among its descendants come to it.
    pub const SUBREAPER: u32 = 1 << 3;
    /// It is none. Neither bit is set if the kernel's types do not show it.
    pub const NO_SUBREAPER: u32 = 1 << 4;
    /// Its death is held back, to be counted or reported later.
    pub const HELD: u32 = 1 << 5;
}

/// A terminating signal, or SIGSTOP, that came to nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Ignored {
    /// When it was sent, 0 where there was none.
    pub at_ns: u64,
    /// Who sent it, zero for the kernel.
    pub by: Process,
    /// Its number.
    pub signal: u32,
    /// 1 where the target has `SIG_IGN` for it; else the kernel dropped it, since the target is
    /// the init of a PID namespace and has no handler for it.
    pub by_choice: u32,
}

/// One group leader, as the iter/task program writes it. Times of the kernel side's own memory
/// are 0 where it has none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct TaskRecord {
    /// The process.
    pub process: Process,
    /// `real_parent`.
    pub parent: Process,
    /// The ptracer, zero when there is none.
    pub tracer: Process,
    /// Who created it, zero when that was before the agent.
    pub forker: Process,
    /// Who sent the last fatal signal, zero when none was seen.
    pub killer: Process,
    /// When that signal was sent.
    pub killed_ns: u64,
    /// When the whole group began to exit.
    pub begin_ns: u64,
    /// The cgroup v2 id.
    pub cgroup_id: u64,
    /// That in the hierarchy of [`Options::cgroup_v1`](crate::Options::cgroup_v1), 0 where there is none.
    pub cgroup_v1_id: u64,
    /// How it waits for its children.
    pub waits: Waits,
    /// The last terminating signal that it ignored, or that was dropped for it.
    pub ignored: Ignored,
    /// When it executed the program that it runs, where it had forked or waited before.
    pub exec_ns: u64,
    /// `self_exec_id`: how many execs it and its ancestors made before they forked; 0 where the
    /// kernel's types do not show it.
    pub exec_id: u64,
    /// `parent_exec_id`: the same of whoever forked it, at the fork.
    pub parent_exec_id: u64,
    /// Name of the program before `exec_ns`, empty where that is not known.
    pub former: [u8; COMM_LEN],
    /// When its leader last got a CPU, on the scheduler's clock; 0 if the kernel does not show it.
    pub last_ran_sched_ns: u64,
    /// How long it ran in all its life.
    pub runtime_ns: u64,
    /// When the reader of this record last got a CPU, on the scheduler's clock.
    pub reader_ran_sched_ns: u64,
    /// When the record was made.
    pub read_ns: u64,
    /// Exact CPU time of its released threads: 0 where there never were any.
    pub threads_runtime_ns: u64,
    /// [`task_flags`].
    pub flags: u32,
    /// The signal of `killer`.
    pub kill_signal: u16,
    /// One of [`kill_by`](crate::kill_by).
    pub kill_by: u16,
    /// The signal of its job control stop, 0 while it is not stopped.
    pub stop_signal: u32,
    /// The wait status, of a zombie.
    pub exit_code: u32,
    /// The signal its parent gets.
    pub exit_signal: i32,
    /// Real uid in the initial user namespace.
    pub uid: u32,
    /// Its process group, as the initial PID namespace numbers it.
    pub group: u32,
    /// Its session, likewise.
    pub session: u32,
    /// Its numbers, outermost namespace first.
    pub pids: [NamespacePid; NAMESPACE_LEVELS],
}

/// Frames of a kernel stack that are recorded, innermost first.
pub const STACK_FRAMES: usize = 24;

/// One thread that has not ended, of an exiting process. Its kernel stack follows as
/// `frames` lines of text, innermost first, as the kernel itself prints them: `name+0x1/0x2 [module]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct ThreadRecord {
    /// Thread group id.
    pub tgid: u32,
    /// Its own number.
    pub tid: u32,
    /// `start_boottime` of the group leader.
    pub start_ns: u64,
    /// When it last got a CPU, on the scheduler's clock; 0 if the kernel does not show it.
    pub last_ran_sched_ns: u64,
    /// How long it ran in all its life.
    pub runtime_ns: u64,
    /// When the reader of this record last got a CPU, on the scheduler's clock.
    pub reader_ran_sched_ns: u64,
    /// When the record was made.
    pub read_ns: u64,
    /// How many lines follow.
    pub frames: u32,
    /// Always 0.
    pub reserved: u32,
}
