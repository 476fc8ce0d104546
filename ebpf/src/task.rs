//! The only reader of kernel structs. Offsets come from user space, from the running kernel's
//! BTF; a field that cannot be read is 0.

use aya_ebpf::helpers::{bpf_get_current_task, generated};
use wire::{COMM_LEN, NAMESPACE_LEVELS, NO_OFFSET, NamespacePid, Offsets, Process};

use crate::maps::OFFSETS;

/// One offset, read as a constant that the verifier folds.
macro_rules! offset {
    ($field:ident) => {{
        let offsets: *const Offsets = (&raw const OFFSETS).cast();
        // SAFETY: `Global` is transparent over the struct, which the loader has filled.
        unsafe { (&raw const (*offsets).$field).read_volatile() }
    }};
}

/// `PF_EXITING`, <https://elixir.bootlin.com/linux/v6.12/source/include/linux/sched.h>.
const PF_EXITING: u32 = 0x4;
/// `PF_KTHREAD`, likewise.
const PF_KTHREAD: u32 = 0x0020_0000;
/// `SIGNAL_GROUP_EXIT`, include/linux/sched/signal.h.
const SIGNAL_GROUP_EXIT: u32 = 0x4;
/// `EXIT_ZOMBIE`, include/linux/sched.h; `EXIT_TRACE` includes it.
const EXIT_ZOMBIE: u32 = 0x20;
/// `SA_NOCLDWAIT`, include/uapi/asm-generic/signal-defs.h.
const SA_NOCLDWAIT: u64 = 2;
/// `SIG_IGN`.
const SIG_IGN: u64 = 1;
/// SIGCHLD on every architecture that matters here.
pub(crate) const SIGCHLD: u32 = 17;
/// `sizeof(struct k_sigaction)` on 64-bit; handler, flags, restorer, mask.
const SIGACTION_SIZE: u32 = 32;
/// Offset of `sa_flags` in it.
const SIGACTION_FLAGS: u32 = 8;
/// `sizeof(struct upid)`: the number, then the namespace's address.
const UPID_SIZE: u32 = 16;
/// Offset of the namespace in it.
const UPID_NAMESPACE: u32 = 8;

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
    fn follow(self, offset: u32) -> Self {
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

    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self::at(unsafe { bpf_get_current_task() })
    }

    #[inline(always)]
    pub(crate) fn tgid(self) -> u32 {
        self.0.read_u32(offset!(task_tgid))
    }

    #[inline(always)]
    pub(crate) fn tid(self) -> u32 {
        self.0.read_u32(offset!(task_pid))
    }

    #[inline(always)]
    pub(crate) fn is_leader(self) -> bool {
        self.tid() == self.tgid()
    }

    #[inline(always)]
    pub(crate) fn is_kernel_thread(self) -> bool {
        self.flags() & PF_KTHREAD != 0
    }

    #[inline(always)]
    pub(crate) fn is_exiting(self) -> bool {
        self.flags() & PF_EXITING != 0
    }

    #[inline(always)]
    pub(crate) fn is_zombie(self) -> bool {
        self.0.read_u32(offset!(task_exit_state)) & EXIT_ZOMBIE != 0
    }

    #[inline(always)]
    pub(crate) fn is_dead(self) -> bool {
        self.0.read_u32(offset!(task_exit_state)) != 0
    }

    #[inline(always)]
    pub(crate) fn is_traced(self) -> bool {
        self.0.read_u32(offset!(task_ptrace)) != 0
    }

    #[inline(always)]
    pub(crate) fn leader(self) -> Self {
        Self(self.0.follow(offset!(task_group_leader)))
    }

    #[inline(always)]
    pub(crate) fn real_parent(self) -> Self {
        Self(self.0.follow(offset!(task_real_parent)))
    }

    /// `parent`: the ptracer while there is one.
    #[inline(always)]
    pub(crate) fn parent(self) -> Self {
        Self(self.0.follow(offset!(task_parent)))
    }

    #[inline(always)]
    pub(crate) fn signal(self) -> Kernel {
        self.0.follow(offset!(task_signal))
    }

    #[inline(always)]
    pub(crate) fn start_ns(self) -> u64 {
        self.0.read_u64(offset!(task_start_boottime))
    }

    #[inline(always)]
    pub(crate) fn exit_signal(self) -> i32 {
        self.0.read_u32(offset!(task_exit_signal)) as i32
    }

    #[inline(always)]
    pub(crate) fn uid(self) -> u32 {
        self.0
            .follow(offset!(task_real_cred))
            .read_u32(offset!(cred_uid))
    }

    #[inline(always)]
    pub(crate) fn cgroup_id(self) -> u64 {
        self.0
            .follow(offset!(task_cgroups))
            .follow(offset!(css_set_dfl_cgrp))
            .follow(offset!(cgroup_kn))
            .read_u64(offset!(kernfs_node_id))
    }

    /// The whole group was told to exit, by `exit_group` or a fatal signal.
    #[inline(always)]
    pub(crate) fn group_exits(self) -> bool {
        self.signal().read_u32(offset!(signal_flags)) & SIGNAL_GROUP_EXIT != 0
    }

    /// Threads that have not passed the start of their exit.
    #[inline(always)]
    pub(crate) fn live_threads(self) -> u32 {
        self.signal().read_u32(offset!(signal_live))
    }

    /// Threads that have not been released.
    #[inline(always)]
    pub(crate) fn threads(self) -> u32 {
        self.signal().read_u32(offset!(signal_nr_threads))
    }

    /// The wait status, by the kernel's own formula in `wait_task_zombie`. Of a leader.
    #[inline(always)]
    pub(crate) fn wait_status(self) -> u32 {
        if self.group_exits() {
            self.signal().read_u32(offset!(signal_group_exit_code))
        } else {
            self.0.read_u32(offset!(task_exit_code))
        }
    }

    /// User time of the group: of its released threads and its leader.
    #[inline(always)]
    pub(crate) fn user_ns(self) -> u64 {
        self.signal().read_u64(offset!(signal_utime)) + self.0.read_u64(offset!(task_utime))
    }

    /// System time of the group, likewise.
    #[inline(always)]
    pub(crate) fn system_ns(self) -> u64 {
        self.signal().read_u64(offset!(signal_stime)) + self.0.read_u64(offset!(task_stime))
    }

    /// Exact CPU time of the group, likewise.
    #[inline(always)]
    pub(crate) fn runtime_ns(self) -> u64 {
        self.signal().read_u64(offset!(signal_sum_sched_runtime))
            + self.0.read_u64(offset!(task_sum_exec_runtime))
    }

    #[inline(always)]
    pub(crate) fn max_rss_pages(self) -> u64 {
        self.signal().read_u64(offset!(signal_maxrss))
    }

    /// What it does with `signal`: the handler and the flags.
    #[inline(always)]
    pub(crate) fn disposition(self, signal: u32) -> (u64, u64) {
        let base = offset!(sighand_action);
        if base == NO_OFFSET || signal == 0 || signal > 64 {
            return (0, 0);
        }
        let action = base + (signal - 1) * SIGACTION_SIZE;
        let sighand = self.0.follow(offset!(task_sighand));
        (
            sighand.read_u64(action),
            sighand.read_u64(action + SIGACTION_FLAGS),
        )
    }

    /// Whether `do_notify_parent` will answer that this leader is to be released at once, by
    /// the kernel's own rule in kernel/signal.c.
    #[inline(always)]
    pub(crate) fn autoreaps(self) -> bool {
        if self.is_traced() {
            return false;
        }
        let bit = offset!(signal_autoreap_bit);
        if bit != NO_OFFSET {
            let word = self.signal().read_u32(bit / 32 * 4);
            if word & (1 << (bit % 32)) != 0 {
                return true;
            }
        }
        let (handler, flags) = self.real_parent().disposition(SIGCHLD);
        self.exit_signal() == SIGCHLD as i32 && (handler == SIG_IGN || flags & SA_NOCLDWAIT != 0)
    }

    /// Whether nobody will be sent a signal at this leader's death.
    #[inline(always)]
    pub(crate) fn dies_silently(self) -> bool {
        if self.is_traced() {
            return false;
        }
        let ignored = self.real_parent().disposition(SIGCHLD).0 == SIG_IGN;
        self.exit_signal() == 0
            || (self.exit_signal() == SIGCHLD as i32 && ignored)
            || (self.autoreaps() && offset!(signal_autoreap_bit) != NO_OFFSET)
    }

    /// Its number in the PID namespace at `level`, and that namespace.
    #[inline(always)]
    fn pid_at(self, level: u32) -> NamespacePid {
        let pid = self.0.follow(offset!(task_thread_pid));
        let entry = offset!(pid_numbers) + level * UPID_SIZE;
        let namespace = pid.follow(entry + UPID_NAMESPACE);
        NamespacePid {
            namespace: namespace.read_u32(offset!(pid_namespace_inum)),
            nr: pid.read_u32(entry),
        }
    }

    #[inline(always)]
    pub(crate) fn namespace_level(self) -> u32 {
        self.0
            .follow(offset!(task_thread_pid))
            .read_u32(offset!(pid_level))
    }

    /// The PID namespace in which it sees others.
    #[inline(always)]
    pub(crate) fn namespace(self) -> u32 {
        self.pid_at(self.namespace_level() & 31).namespace
    }

    /// Its number as `other` sees it; 0 where `other` cannot.
    #[inline(always)]
    pub(crate) fn nr_seen_by(self, other: Self) -> u32 {
        let level = other.namespace_level() & 31;
        if level > self.namespace_level() {
            return 0;
        }
        self.pid_at(level).nr
    }

    /// All its numbers, outermost namespace first.
    #[inline(always)]
    pub(crate) fn fill_pids(self, pids: &mut [NamespacePid; NAMESPACE_LEVELS]) {
        let deepest = self.namespace_level();
        pids[0] = self.pid_at(0);
        pids[1] = if deepest >= 1 {
            self.pid_at(1)
        } else {
            NamespacePid {
                namespace: 0,
                nr: 0,
            }
        };
        pids[2] = if deepest >= 2 {
            self.pid_at(2)
        } else {
            NamespacePid {
                namespace: 0,
                nr: 0,
            }
        };
        pids[3] = if deepest >= 3 {
            self.pid_at(3)
        } else {
            NamespacePid {
                namespace: 0,
                nr: 0,
            }
        };
    }

    /// Its process, this thread acting.
    #[inline(always)]
    pub(crate) fn fill_process(self, process: &mut Process) {
        let leader = self.leader();
        process.tgid = self.tgid();
        process.tid = self.tid();
        process.start_ns = leader.start_ns();
        leader.fill_comm(&mut process.comm);
    }

    #[inline(always)]
    fn fill_comm(self, comm: &mut [u8; COMM_LEN]) {
        let offset = offset!(task_comm);
        if offset == NO_OFFSET {
            *comm = [0; COMM_LEN];
            return;
        }
        let from = (self.0.address() + u64::from(offset)) as *const core::ffi::c_void;
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

/// Nobody.
#[inline(always)]
pub(crate) fn clear_process(process: &mut Process) {
    process.tgid = 0;
    process.tid = 0;
    process.start_ns = 0;
    process.comm = [0; COMM_LEN];
}
