//! The wire: what the kernel side writes and user space reads. No logic.
//!
//! Every struct is `repr(C)` without implicit padding, its size asserted below. All times are
//! nanoseconds of `CLOCK_BOOTTIME`; 0 means unknown. Discriminants are plain integers: a byte
//! that user space does not know is counted there, never trusted. The zerocopy derives prove
//! that the records have no padding and can be read from any bytes.

#![no_std]

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes};

mod machine;
mod offsets;
mod quiet;
mod tasks;
mod waits;

pub use machine::Machine;
pub use offsets::{NO_OFFSET, Offsets};
pub use quiet::{BOUNDS_NS, Board, CGROUPS, Count, Held, Kept, Reaps, SAMPLES, Times, held, holds};
pub use tasks::{Ignored, STACK_FRAMES, TaskRecord, ThreadRecord, task_flags};
pub use waits::{Waits, asked};

/// Bytes of a task's `comm`, the last always NUL.
pub const COMM_LEN: usize = 16;

/// Levels of nested PID namespaces in which a death's number is recorded. The kernel allows 32;
/// a process nested deeper is still measured, only its reap by a nested parent is found later.
pub const NAMESPACE_LEVELS: usize = 4;

/// Bytes of a cgroup's path, the last always NUL: enough for a container within a container.
pub const CGROUP_PATH_LEN: usize = 512;

/// Bytes of the event ring unless the loader sets another size.
pub const RING_BYTES: u32 = 2 << 20;

/// Slots in which the kernel side remembers processes, if there are that many PIDs.
pub const MOST_SLOTS: u32 = 32_768;

/// Bytes of a slot, which begins with a [`Kept`].
pub const SLOT_BYTES: usize = 480;

/// Room for processes whose slot is taken, if there are more PIDs than slots.
pub const OVERFLOW: u32 = 8_192;

/// What a record is: the first field of its [`Head`].
pub mod kind {
    /// A [`Death`](crate::Death): the process is dead and its parent was notified, or it was
    /// auto-reaped; or that is only announced
    /// ([`BEFORE_NOTIFICATION`](crate::death_flags::BEFORE_NOTIFICATION)). Sent again when a
    /// zombie's responsible process changes, where the hook sees the zombie itself.
    pub const DEATH: u32 = 1;
    /// A [`Release`](crate::Release): `release_task` ran for the process.
    pub const RELEASE: u32 = 2;
    /// A [`Waited`](crate::Waited): a wait call returned a dead child.
    pub const WAITED: u32 = 3;
    /// A [`Freed`](crate::Freed): the last reference to a released process was dropped. Not sent
    /// where a [`Waited`](crate::Waited) of the initial PID namespace showed the reap.
    pub const FREED: u32 = 4;
    /// A [`Renotified`](crate::Renotified): another process was notified of an existing zombie.
    pub const RENOTIFIED: u32 = 5;
    /// An [`Exec`](crate::Exec): a process that had forked or waited runs another program now.
    pub const EXEC: u32 = 6;
    /// A [`CgroupMade`](crate::CgroupMade): a cgroup was made.
    pub const CGROUP_MADE: u32 = 10;
}

/// Start of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Head {
    /// One of [`kind`].
    pub kind: u32,
    /// Bits of the module of the record's kind, such as [`death_flags`].
    pub flags: u32,
    /// When it happened.
    pub at_ns: u64,
}

/// One process, as its thread group leader has it; `tid` is the acting thread.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Process {
    /// Thread group id, what user space calls a PID; 0 where there is no process.
    pub tgid: u32,
    /// The thread that acted, or `tgid`.
    pub tid: u32,
    /// `start_boottime` of the group leader.
    pub start_ns: u64,
    /// Name of the group leader, cut at the first NUL.
    pub comm: [u8; COMM_LEN],
}

impl Process {
    /// No process.
    pub const NONE: Self = Self {
        tgid: 0,
        tid: 0,
        start_ns: 0,
        comm: [0; COMM_LEN],
    };
}

/// The number that a process has in one PID namespace.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct NamespacePid {
    /// Inode number of the namespace; 0 past the last level.
    pub namespace: u32,
    /// The process's number in it.
    pub nr: u32,
}

/// Bits of a [`Death`]'s head.
pub mod death_flags {
    /// The parent ignores SIGCHLD, has `SA_NOCLDWAIT`, or asked for `CLONE_AUTOREAP`: it is
    /// released at once and is never a zombie, unless a tracer holds it.
    pub const AUTOREAP: u32 = 1 << 0;
    /// Only announced: its last thread is exiting, and no notification of the death will be seen.
    /// Until it dies it may hang, even forever. `at_ns` is a lower bound.
    pub const BEFORE_NOTIFICATION: u32 = 1 << 1;
    /// The record is a [`SteppedDeath`](crate::SteppedDeath).
    pub const STEPS: u32 = 1 << 2;
}

/// A process that has died.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Death {
    /// [`kind::DEATH`], [`death_flags`], the moment of death.
    pub head: Head,
    /// The process.
    pub process: Process,
    /// `real_parent`.
    pub parent: Process,
    /// The ptracer, zero when there is none.
    pub tracer: Process,
    /// Who created it, zero when that was before the agent.
    pub forker: Process,
    /// Who sent the last fatal signal, zero when no process did or none was seen.
    pub killer: Process,
    /// When that signal was sent.
    pub killed_ns: u64,
    /// When the whole group began to exit, 0 when not seen.
    pub begin_ns: u64,
    /// The cgroup v2 id.
    pub cgroup_id: u64,
    /// That in the hierarchy of [`Options::cgroup_v1`], 0 where there is none.
    pub cgroup_v1_id: u64,
    /// User time of all threads, before the kernel's scaling to `runtime_ns`.
    pub user_ns: u64,
    /// System time of all threads, likewise.
    pub system_ns: u64,
    /// Exact time on a CPU of all threads.
    pub runtime_ns: u64,
    /// Largest resident set, in pages.
    pub max_rss_pages: u64,
    /// That signal, 0 when none was seen.
    pub kill_signal: u16,
    /// One of [`kill_by`].
    pub kill_by: u16,
    /// The wait status: `(code << 8) | signal | 0x80 if dumped`.
    pub exit_code: u32,
    /// The signal its parent gets; 0 or anything but SIGCHLD needs `__WCLONE` to be waited for.
    pub exit_signal: i32,
    /// Real uid in the initial user namespace.
    pub uid: u32,
    /// Threads in the group when it began to exit, 0 when not seen.
    pub threads: u32,
    /// How deep its PID namespace is nested; more than [`NAMESPACE_LEVELS`] − 1 are not listed.
    pub namespace_level: u32,
    /// Its numbers, outermost namespace first.
    pub pids: [NamespacePid; NAMESPACE_LEVELS],
}

/// Where a fatal signal came from.
pub mod kill_by {
    /// Not known.
    pub const UNKNOWN: u16 = 0;
    /// A process: by a system call that sends signals, by writing to `cgroup.kill`, or by its
    /// end, where it traced the target with `PTRACE_O_EXITKILL`.
    pub const PROCESS: u16 = 1;
    /// The kernel itself: for a fault, SIGPIPE, SIGXFSZ, the keys of sysrq and SAK, a pidfd
    /// whose closing kills.
    pub const KERNEL: u16 = 2;
    /// The OOM killer.
    pub const OOM: u16 = 3;
    /// A terminal and its job control: a key such as ^C, a hang-up.
    pub const TERMINAL: u16 = 4;
    /// A timer.
    pub const TIMER: u16 = 5;
    /// The end of its PID namespace's init.
    pub const NAMESPACE: u16 = 6;
    /// The end of the thread that had forked it, where it had asked for that
    /// (`PR_SET_PDEATHSIG`). No process called kill.
    pub const PARENT_DEATH: u16 = 7;
    /// Its own limit of CPU time (`RLIMIT_CPU`, `RLIMIT_RTTIME`).
    pub const CPU_LIMIT: u16 = 8;
}

/// Indexes of [`Steps::reached_ns`]: the steps of an exiting thread, in their order. The
/// order is the same in all kernels from 5.10 on (`do_exit`, kernel/exit.c).
pub mod mark {
    /// The writing of a core dump, by the thread that got the signal.
    pub const DUMP: usize = 0;
    /// `do_exit`.
    pub const EXIT: usize = 1;
    /// The release of its memory.
    pub const MEMORY: usize = 2;
    /// The end of that.
    pub const MEMORY_END: usize = 3;
    /// The closing of its files.
    pub const FILES: usize = 4;
    /// The end of that.
    pub const FILES_END: usize = 5;
    /// The leaving of its namespaces, but for those of PIDs.
    pub const NAMESPACES: usize = 6;
    /// Work that was put off, such as the last release of a file.
    pub const TASK_WORK: usize = 7;
    /// The end of that: it leaves its cgroup.
    pub const TASK_WORK_END: usize = 8;
    /// The clearing of the PID namespace whose init it is.
    pub const PID_NAMESPACE: usize = 9;
    /// The call of libc's `exit`, before all of these.
    pub const LIBC_EXIT: usize = 10;
    /// That of its `_exit`, which comes at the end of `exit`.
    pub const LIBC_EXIT_NOW: usize = 11;
    /// How many there are.
    pub const COUNT: usize = 12;
}

/// How far an exit came and when.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Steps {
    /// By [`mark`]: when the last of its threads got there.
    pub reached_ns: [u64; mark::COUNT],
}

impl Steps {
    /// None reached.
    pub const NONE: Self = Self {
        reached_ns: [0; mark::COUNT],
    };
}

/// A death with [`death_flags::STEPS`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct SteppedDeath {
    /// What every death has.
    pub death: Death,
    /// Where its time went.
    pub steps: Steps,
}

/// Bits of a [`Release`]'s head.
pub mod release_flags {
    /// The reaper itself was exiting: a PID namespace's init clearing up, or an adopter that
    /// auto-reaps.
    pub const REAPER_EXITING: u32 = 1 << 0;
    /// The dead process released itself.
    pub const BY_ITSELF: u32 = 1 << 1;
}

/// `release_task` of a group leader.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Release {
    /// [`kind::RELEASE`], [`release_flags`], the moment of release.
    pub head: Head,
    /// Thread group id of the dead process.
    pub tgid: u32,
    /// Unused, zero.
    pub pad: u32,
    /// `start_boottime` of the dead process.
    pub start_ns: u64,
    /// The process that ran `release_task`.
    pub reaper: Process,
    /// Name of the thread that did, cut at the first NUL.
    pub reaper_thread: [u8; COMM_LEN],
}

/// A wait4, waitpid or waitid call of `reaper` returned a child that has died and took it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Waited {
    /// [`kind::WAITED`], no flags, the moment the call returned.
    pub head: Head,
    /// The child, as numbered in the reaper's PID namespace.
    pub child: NamespacePid,
    /// The process that waited.
    pub reaper: Process,
    /// Name of the thread that did, cut at the first NUL.
    pub reaper_thread: [u8; COMM_LEN],
}

/// The kernel has freed a released group leader, an unknown time after its reap.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Freed {
    /// [`kind::FREED`], no flags, the moment of freeing.
    pub head: Head,
    /// Thread group id of the dead process.
    pub tgid: u32,
    /// Unused, zero.
    pub pad: u32,
    /// `start_boottime` of the dead process.
    pub start_ns: u64,
}

/// Bits of a [`Renotified`]'s head.
pub mod renotified_flags {
    /// The new parent has `SA_NOCLDWAIT`: the zombie is released at once.
    pub const AUTOREAP: u32 = 1 << 0;
}

/// A zombie's new parent was notified of it, by its dying parent or by its tracer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Renotified {
    /// [`kind::RENOTIFIED`], [`renotified_flags`], the moment of notification.
    pub head: Head,
    /// The zombie, as numbered in the PID namespace of `parent`.
    pub child: NamespacePid,
    /// The new parent.
    pub parent: Process,
}

/// A process that had children or had waited for some has executed another program: what it did
/// before was not done by that program. Other execs send nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Exec {
    /// [`kind::EXEC`], no flags, the moment of the exec.
    pub head: Head,
    /// The process, by its new name.
    pub process: Process,
    /// Name of the program before, empty where that is not known.
    pub former: [u8; COMM_LEN],
}

/// Bits of a [`CgroupMade`]'s head.
pub mod cgroup_flags {
    /// The path did not fit, or could not be read.
    pub const PATH_CUT: u32 = 1 << 0;
    /// It is of the hierarchy of [`Options::cgroup_v1`](crate::Options::cgroup_v1).
    pub const VERSION_1: u32 = 1 << 1;
}

/// A cgroup was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct CgroupMade {
    /// [`kind::CGROUP_MADE`], [`cgroup_flags`], the moment of making.
    pub head: Head,
    /// Its id: the inode number of its directory.
    pub id: u64,
    /// Its path from the root of the hierarchy, ended by a NUL; what is after that is undefined.
    pub path: [u8; CGROUP_PATH_LEN],
}

/// Indexes of the per-CPU counters.
pub mod counter {
    /// Processes that ended by themselves.
    pub const EXITED: u32 = 0;
    /// Processes that a signal killed.
    pub const KILLED: u32 = 1;
    /// Processes that a signal killed and that dumped core.
    pub const DUMPED: u32 = 2;
    /// Deaths that are counted above and of which user space got no record, as a rule since it found
    /// the ring full, by the same kinds: each this much further.
    pub const LOST_DEATH: u32 = 3;
    /// Records that found the ring full.
    pub const LOST_RING_FULL: u32 = 6;
    /// Processes of which the kernel side could not remember forker, killer or exit begin.
    pub const LOST_TASKS_FULL: u32 = 7;
    /// How many counters there are.
    pub const COUNT: usize = 8;

    /// Whether the kernel side counts a death at its first notification: not if user space
    /// has its announcement and no more, since that counts it once it is confirmed.
    #[must_use]
    pub const fn is_counted(sent: bool, announced: bool) -> bool {
        sent || !announced
    }

    /// Whether it is counted as lost too.
    #[must_use]
    pub const fn is_lost(sent: bool, announced: bool) -> bool {
        !sent && !announced
    }
}

/// What user space chooses for the kernel side, set before load.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// 1 where `sched_process_exit` has `group_dead` as its second argument (6.16 and later).
    pub exit_has_group_dead: u32,
    /// Bytes waiting in the ring that wake the reader at once.
    pub wake_bytes: u32,
    /// 1 where `mark_victim` has the task as its first argument (6.8 and later), not its number.
    pub victim_is_task: u32,
    /// 1 where the steps of an exit are to be measured.
    pub steps: u32,
    /// The id of the version-1 hierarchy that is read for workloads, 0 where none is.
    pub cgroup_v1: u32,
    /// The number of slots, a power of two, less one.
    pub slot_mask: u32,
}

const _: () = {
    assert!(size_of::<Head>() == 16);
    assert!(size_of::<Process>() == 32);
    // The kernel side writes names as two words.
    assert!(offset_of!(Process, comm) % 8 == 0 && offset_of!(Release, reaper_thread) % 8 == 0);
    assert!(offset_of!(Waited, reaper_thread) % 8 == 0 && offset_of!(Exec, former) % 8 == 0);
    assert!(size_of::<NamespacePid>() == 8);
    assert!(size_of::<Death>() == 16 + 5 * 32 + 8 * 8 + 6 * 4 + 4 * 8);
    assert!(size_of::<SteppedDeath>() == size_of::<Death>() + mark::COUNT * 8);
    assert!(size_of::<Release>() == 80);
    assert!(size_of::<Waited>() == 72);
    assert!(size_of::<Freed>() == 32);
    assert!(size_of::<Renotified>() == 56);
    assert!(size_of::<Exec>() == 64);
    assert!(size_of::<CgroupMade>() == 16 + 8 + 512);
    assert!(size_of::<Waits>() == 20 * 8);
    // Each pair shares its bytes of a slot.
    assert!(size_of::<Held>() == size_of::<Waits>());
    assert!(size_of::<Reaps>() == 112 && size_of::<Steps>() <= size_of::<Reaps>());
    assert!(size_of::<Kept>() == 4 * 8 + 32 + 160 + 112);
    assert!(offset_of!(Held, comm) % 8 == 0 && offset_of!(Reaps, comm) % 8 == 0);
    assert!(size_of::<Times>() == 16 * 8);
    assert!(size_of::<Board>() == 8 + 2 * MOST_SLOTS as usize);
    assert!(size_of::<Ignored>() == 48);
    assert!(size_of::<TaskRecord>() == 5 * 32 + 12 * 8 + 20 * 8 + 48 + 16 + 8 * 4 + 4 * 8);
    assert!(size_of::<ThreadRecord>() == 4 * 4 + 5 * 8);
    assert!(size_of::<Offsets>() == 52 * 4);
    assert!(size_of::<Options>() == 24);
    assert!(size_of::<Machine>() == 12 * 4);
};
