//! How far a process on its way out has come.
//!
//! A process is as far as its hindmost thread, so each mark keeps the last time that any of its
//! threads came to it. None of these programs is loaded unless steps are asked for.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use wire::{Steps, mark};

use crate::{group::Group, maps, task::Task};

/// The programs of one mark, which stands at the entry of a function that ends the step before.
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
    if let Some(known) = maps::start_stepping(Task::current().group())
        && known.steps.reached_ns[mark::DUMP] == 0
    {
        known.steps.reached_ns[mark::DUMP] = now_ns();
    }
}

/// Everybody runs it at the end of many system calls.
#[inline(always)]
fn task_work() {
    if Task::current().is_exiting() {
        reach(mark::TASK_WORK);
    }
}

/// A thread of a group on its way out enters `do_exit`.
#[inline(always)]
pub(crate) fn enter(group: Group, now_ns: u64) {
    if let Some(known) = maps::start_stepping(group) {
        known.steps.reached_ns[mark::EXIT] = now_ns;
    }
}

/// The current thread comes to a mark, if its group is on its way out.
#[inline(always)]
pub(crate) fn reach(mark: usize) {
    if let Some(known) = maps::stepping(Task::current().group()) {
        known.steps.reached_ns[mark] = now_ns();
    }
}

/// Hands over how far a group came, once; nothing where that is not known.
#[inline(always)]
pub(crate) fn take(group: Group, steps: &mut Steps) {
    let known = maps::stepping(group);
    match known.filter(|known| known.start_ns == group.leader.start_ns()) {
        Some(known) => steps.reached_ns = known.steps.reached_ns,
        None => steps.reached_ns = [0; mark::COUNT],
    }
    maps::forget_steps(group);
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_boot_ns() }
}
