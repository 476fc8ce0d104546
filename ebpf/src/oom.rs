//! The OOM killer has chosen a victim.
//!
//! `__oom_kill_process` sends SIGKILL and then marks the victim, both under the lock that the
//! victim's `exit_mm` takes (mm/oom_kill.c): on one CPU, and before the death. A process that is
//! marked without a signal was dying already, of something else.

use aya_ebpf::{
    macros::{btf_tracepoint, map},
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use wire::kill_by;

use crate::{globals::option, maps::NOBODY, signals::SIGKILL, slots, task::Task};

/// The last SIGKILL that the kernel itself sent, of each CPU.
#[map]
static KERNEL_KILL: PerCpuArray<KernelKill> = PerCpuArray::with_max_entries(1, 0);

/// A SIGKILL that the kernel itself sent.
#[repr(C)]
struct KernelKill {
    /// Address of the `task_struct` that it was sent to.
    target: u64,
    target_tid: u32,
    /// The thread in which the kernel sent it.
    sender_tid: u32,
}

/// Remembers a SIGKILL that the kernel itself sends in the current task.
#[inline(always)]
pub(crate) fn note(current: Task, target: Task) {
    if let Some(kill) = kernel_kill() {
        kill.target = target.address();
        kill.target_tid = target.ids().tid;
        kill.sender_tid = current.ids().tid;
    }
}

/// The last SIGKILL that the kernel itself sent on this CPU.
#[inline(always)]
fn kernel_kill() -> Option<&'static mut KernelKill> {
    let kill = KERNEL_KILL.get_ptr_mut(0)?;
    // SAFETY: it is this CPU's own, and lives as long as the program runs.
    Some(unsafe { &mut *kill })
}

#[btf_tracepoint(function = "mark_victim")]
fn oom_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let Some(kill) = kernel_kill() else {
        return 0;
    };
    let marks_target = if option!(victim_is_task) == 0 {
        ctx.arg::<u32>(0) == kill.target_tid
    } else {
        ctx.arg::<u64>(0) == kill.target
    };
    if !marks_target || kill.sender_tid != Task::current().ids().tid {
        return 0;
    }
    if let Some(slot) = slots::find(Task::untyped(kill.target).leader().id())
        && u32::from(slot.kill_signal) == SIGKILL
    {
        slot.kill_by = kill_by::OOM;
        slot.killer = NOBODY;
    }
    0
}
