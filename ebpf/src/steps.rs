//! How far the exit of a process is.
//!
//! A process is as far as its slowest thread, so each mark keeps the last time that any of its
//! threads reached it. None of these programs is loaded without `--steps`.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use wire::mark;

use crate::{group::Group, slots, task::Task};

/// The programs of one mark, at the entry of the function that ends the step before.
macro_rules! marks {
    ($($fentry:ident, $kprobe:ident => $reach:expr;)*) => {$(
        #[fentry]
        fn $fentry(_ctx: FEntryContext) -> i32 {
            $reach;
            0
        }

        #[kprobe]
        fn $kprobe(_ctx: ProbeContext) -> u32 {
            $reach;
            0
        }
    )*};
}

marks! {
    step_dump_fentry, step_dump_kprobe => dump();
    step_memory_fentry, step_memory_kprobe => reach(mark::MEMORY);
    step_memory_end_fentry, step_memory_end_kprobe => reach(mark::MEMORY_END);
    step_files_fentry, step_files_kprobe => reach(mark::FILES);
    step_files_end_fentry, step_files_end_kprobe => reach(mark::FILES_END);
    step_namespaces_fentry, step_namespaces_kprobe => reach(mark::NAMESPACES);
    step_task_work_fentry, step_task_work_kprobe => task_work();
    step_task_work_end_fentry, step_task_work_end_kprobe => reach(mark::TASK_WORK_END);
    step_pid_namespace_fentry, step_pid_namespace_kprobe => reach(mark::PID_NAMESPACE);
}

/// The end of the memory's release, by its last user.
#[btf_tracepoint(function = "exit_mmap")]
fn step_memory_end_tracepoint(_ctx: BtfTracePointContext) -> i32 {
    reach(mark::MEMORY_END);
    0
}

/// A core dump comes before `do_exit`; two threads may want one, of which the first gets it.
#[inline(always)]
fn dump() {
    let group = Group::of(Task::current());
    if let Some(slot) = slots::find_or_take(group.id(), group.leader) {
        let reached_ns = &mut slot.start_steps().reached_ns[mark::DUMP];
        if *reached_ns == 0 {
            *reached_ns = now_ns();
        }
    }
}

/// Everybody runs it at the end of many system calls.
#[inline(always)]
fn task_work() {
    if Task::current().is_exiting() {
        reach(mark::TASK_WORK);
    }
}

/// The current thread reaches a mark, if its group exits.
#[inline(always)]
fn reach(mark: usize) {
    if let Some(slot) = slots::find(Group::of(Task::current()).id())
        && let Some(steps) = slot.steps_mut()
    {
        steps.reached_ns[mark] = now_ns();
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_boot_ns() }
}
