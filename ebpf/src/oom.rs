//! The OOM killer has chosen a victim.
//!
//! `__oom_kill_process` sends SIGKILL and then marks the victim, both under the lock that the
//! victim's `exit_mm` takes (mm/oom_kill.c): on one CPU, and before the death. A process that is
//! marked without a signal was dying already, of something else.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use wire::kill_by;

use crate::{
    kernel::option,
    kill::SIGKILL,
    maps::{self, NOBODY},
    slots,
    task::Task,
};

#[btf_tracepoint(function = "mark_victim")]
fn oom_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let Some(kill) = maps::kernel_kill() else {
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
