//! A process is created. Its forker is remembered, because adoption loses it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{slots, task::Task};

#[btf_tracepoint(function = "sched_process_fork")]
fn fork_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let child = Task::typed(ctx.arg(1));
    let ids = child.ids();
    if ids.is_leader()
        && !child.is_kernel_thread()
        && let Some(slot) = slots::take(child.id_as(ids.tgid))
    {
        Task::typed(ctx.arg(0)).fill_process(&mut slot.kept.forker);
        slot.program = slot.kept.forker.comm;
    }
    0
}
