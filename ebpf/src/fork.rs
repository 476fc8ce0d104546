//! A process is created: who created it is remembered, since adoption loses it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{group::Group, maps, task::Task};

#[btf_tracepoint(function = "sched_process_fork")]
fn fork_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let child = Task::typed(ctx.arg(1));
    if child.ids().is_leader()
        && !child.is_kernel_thread()
        && let Some(process) = maps::remember(Group::of_leader(child))
    {
        Task::typed(ctx.arg(0)).fill_process(&mut process.forker);
        process.program = process.forker.comm;
    }
    0
}
