//! The only reader of kernel structs. Offsets come from user space, from the running kernel's
//! BTF; a field that cannot be read is 0.

use aya_ebpf::helpers::{bpf_get_current_task, generated};
use wire::{COMM_LEN, NO_OFFSET, Offsets, Process};

use crate::{cgroup::Cgroup, disposition::Disposition, maps::OFFSETS, numbers::Numbers};

/// One offset, read as a constant that the verifier folds.
macro_rules! offset {
    ($field:ident) => {{
        let offsets: *const Offsets = (&raw const OFFSETS).cast();
        // SAFETY: `Global` is transparent over the struct, which the loader has filled.
        unsafe { (&raw const (*offsets).$field).read_volatile() }
    }};
}
pub(crate) use offset;

/// `PF_EXITING`, <https://elixir.bootlin.com/linux/v6.12/source/include/linux/sched.h>.
const PF_EXITING: u32 = 0x4;
/// `PF_KTHREAD`, likewise.
const PF_KTHREAD: u32 = 0x0020_0000;
/// `SIGNAL_GROUP_EXIT`, include/linux/sched/signal.h.
const SIGNAL_GROUP_EXIT: u32 = 0x4;
/// `SIGNAL_GROUP_COREDUMP`, likewise; the bit means nothing since 5.17, where a process that
/// dumps core is told to exit at once.
const SIGNAL_GROUP_COREDUMP: u32 = 0x8;
/// `EXIT_ZOMBIE`, include/linux/sched.h; `EXIT_TRACE` includes it.
pub(crate) const EXIT_ZOMBIE: u32 = 0x20;
/// `SIGNAL_STOP_STOPPED`, include/linux/sched/signal.h.
const SIGNAL_STOP_STOPPED: u32 = 0x1;
/// `JOBCTL_STOP_SIGMASK`, include/linux/sched/jobctl.h.
const JOBCTL_STOP_SIGMASK: u32 = 0xffff;
/// Offset of `prev` in `list_head`.
const LIST_PREV: u32 = 8;
/// Offsets of `PIDTYPE_PGID` and `PIDTYPE_SID` in `signal_struct.pids`, include/linux/pid_types.h.
const PROCESS_GROUP: u32 = 16;
const SESSION: u32 = 24;
/// SIGCHLD on every architecture that matters here.
pub(crate) const SIGCHLD: u32 = 17;
/// `sizeof(struct k_sigaction)` on 64-bit; handler, flags, restorer, mask.
const SIGACTION_SIZE: u32 = 32;
/// Offset of `sa_flags` in it.
const SIGACTION_FLAGS: u32 = 8;

/// An address in kernel memory, of a struct that the caller knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(u64);

impl Kernel {
    pub(crate) const fn new(address: u64) -> Self {
        Self(address)
    }

    pub(crate) const fn address(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn read_u32(self, offset: u32) -> u32 {
        if offset == NO_OFFSET {
            return 0;
        }
        self.read(offset, 0_u32)
    }

    #[inline(always)]
    pub(crate) fn read_u64(self, offset: u32) -> u64 {
        if offset == NO_OFFSET {
            return 0;
        }
        self.read(offset, 0_u64)
    }

    /// Without a look at the helper's answer, since it clears what it cannot read: the branch
    /// would double the verifier's work at every field, more than Linux 5.10 accepts.
    #[inline(always)]
    fn read<T>(self, offset: u32, mut value: T) -> T {
        let from = (self.0 + u64::from(offset)) as *const core::ffi::c_void;
        // SAFETY: the helper checks the address; all callers read plain integers.
        unsafe {
            generated::bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, from);
        }
        value
    }

    #[inline(always)]
    pub(crate) fn follow(self, offset: u32) -> Self {
        Self(self.read_u64(offset))
    }
}

/// A `task_struct`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task(Kernel);

impl Task {
    pub(crate) const fn at(address: u64) -> Self {
        Self(Kernel::new(address))
    }

    /// Where it lies in the kernel's memory.
    pub(crate) const fn address(self) -> u64 {
        self.0.address()
    }

    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self::at(unsafe { bpf_get_current_task() })
    }

    /// Its numbers in the initial namespace; they are neighbours in every kernel.
    #[inline(always)]
    pub(crate) fn ids(self) -> Ids {
        let both = self.0.read_u64(offset!(task_pid));
        Ids {
            tid: both as u32,
            tgid: (both >> 32) as u32,
        }
    }

    #[inline(always)]
    pub(crate) fn is_kernel_thread(self) -> bool {
        self.flags() & PF_KTHREAD != 0
    }

    #[inline(always)]
    pub(crate) fn is_exiting(self) -> bool {
        self.flags() & PF_EXITING != 0
    }

    /// `EXIT_ZOMBIE`, `EXIT_DEAD` or both; 0 of the living.
    #[inline(always)]
    pub(crate) fn exit_state(self) -> u32 {
        self.0.read_u32(offset!(task_exit_state))
    }

    #[inline(always)]
    pub(crate) fn is_traced(self) -> bool {
        self.0.read_u32(offset!(task_ptrace)) != 0
    }

    #[inline(always)]
    pub(crate) fn group(self) -> Group {
        Group {
            leader: Self(self.0.follow(offset!(task_group_leader))),
            signal: self.0.follow(offset!(task_signal)),
        }
    }

    #[inline(always)]
    pub(crate) fn real_parent(self) -> Self {
        Self(self.0.follow(offset!(task_real_parent)))
    }

    /// The lowest address of its kernel stack.
    #[inline(always)]
    pub(crate) fn stack(self) -> u64 {
        self.0.read_u64(offset!(task_stack))
    }

    /// `parent`: the ptracer while there is one.
    #[inline(always)]
    pub(crate) fn parent(self) -> Self {
        Self(self.0.follow(offset!(task_parent)))
    }

    #[inline(always)]
    pub(crate) fn start_ns(self) -> u64 {
        self.0.read_u64(offset!(task_start_boottime))
    }

    /// When it last got a CPU, on the scheduler's clock (`sched_info.last_arrival`).
    #[inline(always)]
    pub(crate) fn last_ran_sched_ns(self) -> u64 {
        self.0.read_u64(offset!(task_last_arrival))
    }

    /// How long it ran in all its life.
    #[inline(always)]
    pub(crate) fn runtime_ns(self) -> u64 {
        self.0.read_u64(offset!(task_sum_exec_runtime))
    }

    #[inline(always)]
    pub(crate) fn exit_signal(self) -> i32 {
        self.0.read_u32(offset!(task_exit_signal)) as i32
    }

    /// The signal that it wants when the thread that forked it ends; 0 for none.
    #[inline(always)]
    pub(crate) fn pdeath_signal(self) -> u32 {
        self.0.read_u32(offset!(task_pdeath_signal))
    }

    /// How many execs it and its ancestors made before they forked.
    #[inline(always)]
    pub(crate) fn exec_id(self) -> u64 {
        self.0.read_u64(offset!(task_self_exec_id))
    }

    /// The same of whoever forked it, at the fork.
    #[inline(always)]
    pub(crate) fn parent_exec_id(self) -> u64 {
        self.0.read_u64(offset!(task_parent_exec_id))
    }

    /// The last one of its children, dead or alive, to come to it.
    #[inline(always)]
    pub(crate) fn newest_child(self) -> Option<Self> {
        let (children, sibling) = (offset!(task_children), offset!(task_sibling));
        if children == NO_OFFSET || sibling == NO_OFFSET {
            return None;
        }
        let list = self.0.address() + u64::from(children);
        let last = self.0.read_u64(children + LIST_PREV);
        (last != list && last != 0).then(|| Self::at(last - u64::from(sibling)))
    }

    #[inline(always)]
    pub(crate) fn uid(self) -> u32 {
        self.0
            .follow(offset!(task_real_cred))
            .read_u32(offset!(cred_uid))
    }

    #[inline(always)]
    pub(crate) fn cgroup_id(self) -> u64 {
        let set = self.0.follow(offset!(task_cgroups));
        Cgroup::at(set.follow(offset!(css_set_dfl_cgrp)).address()).id()
    }

    /// Its cgroup's id in the hierarchy of version 1 that was chosen; 0 where none was. A dead
    /// task keeps its set, though /proc shows it at the root
    /// ([`cgroup_exit`](https://elixir.bootlin.com/linux/v6.12/A/ident/cgroup_exit)).
    #[inline(always)]
    pub(crate) fn cgroup_v1_id(self) -> u64 {
        if offset!(css_set_v1_css) == NO_OFFSET {
            return 0;
        }
        let set = self.0.follow(offset!(task_cgroups));
        let css = set.follow(offset!(css_set_v1_css));
        Cgroup::at(css.follow(offset!(css_cgroup)).address()).id()
    }

    /// What it does with `signal`: the handler and the flags.
    #[inline(always)]
    pub(crate) fn disposition(self, signal: u32) -> Disposition {
        let base = offset!(sighand_action);
        if base == NO_OFFSET || signal == 0 || signal > 64 {
            return Disposition {
                handler: 0,
                flags: 0,
            };
        }
        let action = base + (signal - 1) * SIGACTION_SIZE;
        let sighand = self.0.follow(offset!(task_sighand));
        Disposition {
            handler: sighand.read_u64(action),
            flags: sighand.read_u64(action + SIGACTION_FLAGS),
        }
    }

    #[inline(always)]
    pub(crate) fn numbers(self) -> Numbers {
        let pid = self.0.follow(offset!(task_thread_pid));
        Numbers::at(pid)
    }

    /// Its process, this thread acting.
    #[inline(always)]
    pub(crate) fn fill_process(self, process: &mut Process) {
        Self(self.0.follow(offset!(task_group_leader))).fill_leader(process);
        process.tid = self.ids().tid;
    }

    /// The process of this leader.
    #[inline(always)]
    pub(crate) fn fill_leader(self, process: &mut Process) {
        let ids = self.ids();
        process.tgid = ids.tgid;
        process.tid = ids.tid;
        process.start_ns = self.start_ns();
        self.fill_comm(&mut process.comm);
    }

    /// Its own name.
    #[inline(always)]
    pub(crate) fn fill_comm(self, comm: &mut [u8; COMM_LEN]) {
        let from = (self.0.address() + u64::from(offset!(task_comm))) as *const core::ffi::c_void;
        // SAFETY: the helper checks the address, and fills the buffer with zeros on a failure.
        unsafe {
            generated::bpf_probe_read_kernel(comm.as_mut_ptr().cast(), COMM_LEN as u32, from);
        }
    }

    #[inline(always)]
    fn flags(self) -> u32 {
        self.0.read_u32(offset!(task_flags))
    }
}

/// The numbers of a thread in the initial PID namespace.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) tid: u32,
    pub(crate) tgid: u32,
}

impl Ids {
    #[inline(always)]
    pub(crate) fn is_leader(self) -> bool {
        self.tid == self.tgid
    }
}

/// A thread group: its leader and its `signal_struct`.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) leader: Task,
    signal: Kernel,
}

impl Group {
    /// The group of a leader.
    #[inline(always)]
    pub(crate) fn of_leader(leader: Task) -> Self {
        Self {
            leader,
            signal: leader.0.follow(offset!(task_signal)),
        }
    }

    /// What identifies it over an exec by another thread: the address of its `signal_struct`.
    #[inline(always)]
    pub(crate) fn address(self) -> u64 {
        self.signal.address()
    }

    /// It was told to exit as a whole, by `exit_group` or a fatal signal.
    #[inline(always)]
    pub(crate) fn exits(self) -> bool {
        self.signal.read_u32(offset!(signal_flags)) & SIGNAL_GROUP_EXIT != 0
    }

    /// It is on its way out as a whole, or dumps core first.
    #[inline(always)]
    pub(crate) fn is_exiting(self) -> bool {
        let told = SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP;
        self.signal.read_u32(offset!(signal_flags)) & told != 0 || self.live_threads() == 0
    }

    /// Threads that have not passed the start of their exit.
    #[inline(always)]
    pub(crate) fn live_threads(self) -> u32 {
        self.signal.read_u32(offset!(signal_live))
    }

    /// Threads that have not been released.
    #[inline(always)]
    pub(crate) fn threads(self) -> u32 {
        self.signal.read_u32(offset!(signal_nr_threads))
    }

    /// The wait status, by the kernel's own formula in `wait_task_zombie`.
    #[inline(always)]
    pub(crate) fn wait_status(self) -> u32 {
        if self.exits() {
            self.signal.read_u32(offset!(signal_group_exit_code))
        } else {
            self.leader.0.read_u32(offset!(task_exit_code))
        }
    }

    /// The signal that stopped it, 0 while it is not stopped.
    #[inline(always)]
    pub(crate) fn stop_signal(self) -> u32 {
        if self.signal.read_u32(offset!(signal_flags)) & SIGNAL_STOP_STOPPED == 0 {
            return 0;
        }
        self.leader.0.read_u32(offset!(task_jobctl)) & JOBCTL_STOP_SIGMASK
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
            .follow(pids + kind)
            .read_u32(offset!(pid_numbers))
    }

    /// Whether it adopts orphaned descendants; `None` where the kernel's types do not say.
    #[inline(always)]
    pub(crate) fn is_subreaper(self) -> Option<bool> {
        let bit = offset!(signal_is_child_subreaper_bit);
        (bit != NO_OFFSET).then(|| self.has_bit(bit))
    }

    #[inline(always)]
    fn has_bit(self, bit: u32) -> bool {
        self.signal.read_u32(bit / 32 * 4) & (1 << (bit % 32)) != 0
    }

    /// User time of its released threads and its leader.
    #[inline(always)]
    pub(crate) fn user_ns(self) -> u64 {
        self.signal.read_u64(offset!(signal_utime)) + self.leader.0.read_u64(offset!(task_utime))
    }

    /// System time, likewise.
    #[inline(always)]
    pub(crate) fn system_ns(self) -> u64 {
        self.signal.read_u64(offset!(signal_stime)) + self.leader.0.read_u64(offset!(task_stime))
    }

    /// Exact CPU time of its released threads.
    #[inline(always)]
    pub(crate) fn threads_runtime_ns(self) -> u64 {
        self.signal.read_u64(offset!(signal_sum_sched_runtime))
    }

    /// The same, its leader included.
    #[inline(always)]
    pub(crate) fn runtime_ns(self) -> u64 {
        self.threads_runtime_ns() + self.leader.runtime_ns()
    }

    #[inline(always)]
    pub(crate) fn max_rss_pages(self) -> u64 {
        self.signal.read_u64(offset!(signal_maxrss))
    }

    /// What comes of its death, by the kernel's own rule in `do_notify_parent`.
    #[inline(always)]
    pub(crate) fn farewell(self) -> Farewell {
        let traced = self.leader.is_traced();
        let bit = offset!(signal_autoreap_bit);
        if bit != NO_OFFSET && self.has_bit(bit) {
            return Farewell {
                silent: !traced,
                autoreap: true,
                traced,
            };
        }
        let exit_signal = self.leader.exit_signal();
        if exit_signal != SIGCHLD as i32 {
            return Farewell {
                silent: exit_signal == 0 && !traced,
                autoreap: false,
                traced,
            };
        }
        let parent = self.leader.real_parent().disposition(SIGCHLD);
        Farewell {
            silent: parent.is_ignored() && !traced,
            autoreap: parent.autoreaps(),
            traced,
        }
    }
}

/// How a process leaves.
#[derive(Clone, Copy)]
pub(crate) struct Farewell {
    /// No signal is sent to anybody.
    pub(crate) silent: bool,
    /// Its parent lets the kernel reap it.
    pub(crate) autoreap: bool,
    /// It stays for its tracer first, whatever its parent wants.
    pub(crate) traced: bool,
}

/// Nobody.
#[inline(always)]
pub(crate) fn clear_process(process: &mut Process) {
    process.tgid = 0;
    process.tid = 0;
    process.start_ns = 0;
    process.comm = [0; COMM_LEN];
}
