//! Reads of a thread group: its leader and its `signal_struct`.

use wire::NO_OFFSET;

use crate::{
    globals::offset,
    kernel::Kernel,
    signals::SIGCHLD,
    task::{Id, Task},
};

/// `SIGNAL_GROUP_EXIT`, include/linux/sched/signal.h.
const SIGNAL_GROUP_EXIT: u32 = 0x4;
/// `SIGNAL_GROUP_COREDUMP`, likewise; unused since 5.17, where a process that dumps core has
/// `SIGNAL_GROUP_EXIT` at once.
const SIGNAL_GROUP_COREDUMP: u32 = 0x8;
/// `SIGNAL_STOP_STOPPED`, likewise.
const SIGNAL_STOP_STOPPED: u32 = 0x1;
/// `JOBCTL_STOP_SIGMASK`, include/linux/sched/jobctl.h.
const JOBCTL_STOP_SIGMASK: u32 = 0xffff;
/// Offsets of `PIDTYPE_PGID` and `PIDTYPE_SID` in `signal_struct.pids`, include/linux/pid_types.h.
const PROCESS_GROUP: u32 = 16;
const SESSION: u32 = 24;

/// A `signal_struct`, which all threads of a group share.
#[derive(Clone, Copy)]
pub(crate) struct Signal(Kernel);

impl Signal {
    /// That of a thread.
    #[inline(always)]
    pub(crate) fn of(task: Task) -> Self {
        Self(task.signal())
    }

    /// It exits as a whole, because of `exit_group` or a fatal signal.
    #[inline(always)]
    pub(crate) fn group_exits(self) -> bool {
        self.0.read_u32(offset!(signal_flags)) & SIGNAL_GROUP_EXIT != 0
    }

    /// Threads that have not passed the start of their exit.
    #[inline(always)]
    pub(crate) fn live_threads(self) -> u32 {
        self.0.read_u32(offset!(signal_live))
    }

    /// Threads that have not been released.
    #[inline(always)]
    pub(crate) fn threads(self) -> u32 {
        self.0.read_u32(offset!(signal_nr_threads))
    }

    /// Exact CPU time of its released threads.
    #[inline(always)]
    pub(crate) fn threads_runtime_ns(self) -> u64 {
        self.0.read_u64(offset!(signal_sum_sched_runtime))
    }

    #[inline(always)]
    pub(crate) fn max_rss_pages(self) -> u64 {
        self.0.read_u64(offset!(signal_maxrss))
    }

    #[inline(always)]
    fn has_bit(self, bit: u32) -> bool {
        // A byte: the verifier refuses a load that ends after the member.
        self.0.read_u8(bit / 8) & (1 << (bit % 8)) != 0
    }
}

/// A thread group: its leader and its `signal_struct`.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) leader: Task,
    pub(crate) signal: Signal,
}

impl Group {
    #[inline(always)]
    pub(crate) const fn new(leader: Task, signal: Signal) -> Self {
        Self { leader, signal }
    }

    /// The group of a thread.
    #[inline(always)]
    pub(crate) fn of(task: Task) -> Self {
        Self::new(task.leader(), Signal::of(task))
    }

    /// The group of a leader.
    #[inline(always)]
    pub(crate) fn of_leader(leader: Task) -> Self {
        Self::new(leader, Signal::of(leader))
    }

    #[inline(always)]
    pub(crate) fn id(self) -> Id {
        self.leader.id()
    }

    /// It exits as a whole, or dumps core first.
    #[inline(always)]
    pub(crate) fn is_exiting(self) -> bool {
        let exits = SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP;
        self.signal.0.read_u32(offset!(signal_flags)) & exits != 0
            || self.signal.live_threads() == 0
    }

    /// The wait status, by the kernel's own formula in `wait_task_zombie`.
    #[inline(always)]
    pub(crate) fn wait_status(self) -> u32 {
        if self.signal.group_exits() {
            self.signal.0.read_u32(offset!(signal_group_exit_code))
        } else {
            self.leader.exit_code()
        }
    }

    /// The signal that stopped it, 0 while it is not stopped.
    #[inline(always)]
    pub(crate) fn stop_signal(self) -> u32 {
        if self.signal.0.read_u32(offset!(signal_flags)) & SIGNAL_STOP_STOPPED == 0 {
            return 0;
        }
        self.leader.jobctl() & JOBCTL_STOP_SIGMASK
    }

    /// Its process group, as the initial PID namespace numbers it.
    #[inline(always)]
    pub(crate) fn process_group(self) -> u32 {
        self.number_of(PROCESS_GROUP)
    }

    /// Its session, likewise.
    #[inline(always)]
    pub(crate) fn session(self) -> u32 {
        self.number_of(SESSION)
    }

    #[inline(always)]
    fn number_of(self, kind: u32) -> u32 {
        let pids = offset!(signal_pids);
        if pids == NO_OFFSET {
            return 0;
        }
        self.signal
            .0
            .follow(pids + kind)
            .read_u32(offset!(pid_numbers))
    }

    /// Whether it adopts orphaned descendants; `None` if the kernel's types do not show it.
    #[inline(always)]
    pub(crate) fn is_subreaper(self) -> Option<bool> {
        let bit = offset!(signal_is_child_subreaper_bit);
        (bit != NO_OFFSET).then(|| self.signal.has_bit(bit))
    }

    /// User time of its released threads and its leader.
    #[inline(always)]
    pub(crate) fn user_ns(self) -> u64 {
        self.signal.0.read_u64(offset!(signal_utime)) + self.leader.user_ns()
    }

    /// System time, likewise.
    #[inline(always)]
    pub(crate) fn system_ns(self) -> u64 {
        self.signal.0.read_u64(offset!(signal_stime)) + self.leader.system_ns()
    }

    /// The same, its leader included.
    #[inline(always)]
    pub(crate) fn runtime_ns(self) -> u64 {
        self.signal.threads_runtime_ns() + self.leader.runtime_ns()
    }

    /// How its death is notified, by the rule of
    /// [`do_notify_parent`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_notify_parent).
    #[inline(always)]
    pub(crate) fn exit_notification(self) -> ExitNotification {
        let traced = self.leader.is_traced();
        let signal = self.leader.exit_signal();
        let parent = self.leader.real_parent();
        let bit = offset!(signal_autoreap_bit);
        let (silent, autoreap) = if bit != NO_OFFSET && self.signal.has_bit(bit) {
            (true, true)
        } else if signal == SIGCHLD as i32 {
            let disposition = parent.child_disposition();
            (disposition.is_ignored(), disposition.autoreaps())
        } else {
            (signal == 0, false)
        };
        ExitNotification {
            signal,
            parent,
            traced,
            silent: silent && !traced,
            autoreap,
        }
    }
}

/// Who is notified of the end of a process, and how.
#[derive(Clone, Copy)]
pub(crate) struct ExitNotification {
    /// Its exit signal.
    pub(crate) signal: i32,
    /// Its real parent.
    pub(crate) parent: Task,
    /// Its tracer is notified, and has to wait for it first.
    pub(crate) traced: bool,
    /// No signal is sent.
    pub(crate) silent: bool,
    /// Its parent makes the kernel reap it.
    pub(crate) autoreap: bool,
}
