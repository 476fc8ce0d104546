//! A process asks for its dead children: habits are kept, no event is sent, since a polling
//! parent may do so a hundred thousand times a second.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};

use crate::{maps, task::Task};

/// Fires once a call of wait4, waitpid or waitid, before it looks.
#[btf_tracepoint(function = "sched_process_wait")]
fn wait_tracepoint(_ctx: BtfTracePointContext) -> i32 {
    if let Some(process) = maps::remember(Task::current().group()) {
        process.waits += 1;
        // SAFETY: the helper has no preconditions.
        process.last_wait_ns = unsafe { bpf_ktime_get_boot_ns() };
    }
    0
}
