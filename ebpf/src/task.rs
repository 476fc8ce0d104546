//! The only reader of `task_struct`.

use aya_ebpf::helpers::{bpf_get_current_task, bpf_get_current_task_btf};
use wire::{COMM_LEN, NO_OFFSET, Process};

use crate::{
    cgroup::Cgroup, disposition::Disposition, globals::offset, kernel::Kernel, numbers::Numbers,
    signals::SIGCHLD,
};

/// `PF_EXITING`, <https://elixir.bootlin.com/linux/v6.12/source/include/linux/sched.h>.
const PF_EXITING: u32 = 0x4;
/// `PF_KTHREAD`, likewise.
const PF_KTHREAD: u32 = 0x0020_0000;
/// `EXIT_ZOMBIE`, include/linux/sched.h; `EXIT_TRACE` includes it.
pub(crate) const EXIT_ZOMBIE: u32 = 0x20;
/// Offset of `prev` in `list_head`.
const LIST_PREV: u32 = 8;

/// A `task_struct`.
#[derive(Clone, Copy)]
pub(crate) struct Task(Kernel);

impl Task {
    /// One that the kernel passes with its type.
    pub(crate) const fn typed(address: u64) -> Self {
        Self(Kernel::typed(address))
    }

    /// One that was found otherwise.
    pub(crate) const fn untyped(address: u64) -> Self {
        Self(Kernel::untyped(address))
    }

    pub(crate) const fn address(self) -> u64 {
        self.0.address()
    }

    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: the helpers have no preconditions.
        Self::typed(if offset!(direct_loads) != 0 {
            unsafe { bpf_get_current_task_btf() as u64 }
        } else {
            unsafe { bpf_get_current_task() }
        })
    }

    /// Its numbers in the initial namespace; they are neighbours in every kernel.
    #[inline(always)]
    pub(crate) fn ids(self) -> Ids {
        let (tid, tgid) = self.0.read_two_u32(offset!(task_pid));
        Ids { tid, tgid }
    }

    /// What identifies the process of this leader.
    #[inline(always)]
    pub(crate) fn id(self) -> Id {
        self.id_as(self.0.read_u32(offset!(task_tgid)))
    }

    /// The same, its number being known.
    #[inline(always)]
    pub(crate) fn id_as(self, tgid: u32) -> Id {
        Id {
            start_ns: self.start_ns(),
            tgid,
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
    pub(crate) fn leader(self) -> Self {
        Self(self.0.follow(offset!(task_group_leader)))
    }

    /// Its `signal_struct`.
    #[inline(always)]
    pub(crate) fn signal(self) -> Kernel {
        self.0.follow(offset!(task_signal))
    }

    #[inline(always)]
    pub(crate) fn exit_code(self) -> u32 {
        self.0.read_u32(offset!(task_exit_code))
    }

    #[inline(always)]
    pub(crate) fn jobctl(self) -> u32 {
        self.0.read_u32(offset!(task_jobctl))
    }

    /// User time of this thread.
    #[inline(always)]
    pub(crate) fn user_ns(self) -> u64 {
        self.0.read_u64(offset!(task_utime))
    }

    /// System time, likewise.
    #[inline(always)]
    pub(crate) fn system_ns(self) -> u64 {
        self.0.read_u64(offset!(task_stime))
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

    /// The child, dead or alive, that it got last.
    #[inline(always)]
    pub(crate) fn newest_child(self) -> Option<Self> {
        let (children, sibling) = (offset!(task_children), offset!(task_sibling));
        if children == NO_OFFSET || sibling == NO_OFFSET {
            return None;
        }
        let list = self.0.address() + u64::from(children);
        let last = self.0.without_type().read_u64(children + LIST_PREV);
        (last != list && last != 0).then(|| Self::untyped(last - u64::from(sibling)))
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
        Cgroup::at(set.follow(offset!(css_set_dfl_cgrp))).id()
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
        Cgroup::at(css.follow(offset!(css_cgroup))).id()
    }

    /// What it does when a child dies.
    #[inline(always)]
    pub(crate) fn child_disposition(self) -> Disposition {
        let sighand = self.0.follow(offset!(task_sighand));
        Disposition::read(sighand, SIGCHLD)
    }

    /// What it does with `signal`, by the helper: the offset is no constant, and Linux 6.1 refuses
    /// to add it to a pointer of a type.
    #[inline(always)]
    pub(crate) fn disposition(self, signal: u32) -> Disposition {
        let sighand = self.0.without_type().follow(offset!(task_sighand));
        Disposition::read(sighand, signal)
    }

    #[inline(always)]
    pub(crate) fn numbers(self) -> Numbers {
        let pid = self.0.follow(offset!(task_thread_pid));
        Numbers::at(pid)
    }

    /// Its process, this thread acting.
    #[inline(always)]
    pub(crate) fn fill_process(self, process: &mut Process) {
        let leader = self.leader();
        leader.fill_leader(leader.id(), process);
        process.tid = self.0.read_u32(offset!(task_pid));
    }

    /// The process of this leader, whose identity is known.
    #[inline(always)]
    pub(crate) fn fill_leader(self, id: Id, process: &mut Process) {
        process.tgid = id.tgid;
        process.tid = id.tgid;
        process.start_ns = id.start_ns;
        self.fill_comm(&mut process.comm);
    }

    /// Its own name.
    #[inline(always)]
    pub(crate) fn fill_comm(self, comm: &mut [u8; COMM_LEN]) {
        self.0.read_comm(offset!(task_comm), comm);
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

/// A process: its number may be used again, with a later start. An exec by another thread keeps
/// both ([`de_thread`](https://elixir.bootlin.com/linux/v6.12/A/ident/de_thread)).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    /// `start_boottime` of the group leader.
    pub(crate) start_ns: u64,
    pub(crate) tgid: u32,
}
