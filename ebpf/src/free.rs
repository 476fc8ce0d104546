//! The last reference to a released task goes, milliseconds to seconds after its reap, in
//! whatever context runs the RCU callbacks: clean-up, the count of deaths of which user space
//! got no record, and an upper bound where the reap itself cannot be hooked.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::{Freed, Head, kind};

use crate::{death, group::Group, maps, task::Task};

/// Where reaps are seen themselves: clean-up alone.
#[btf_tracepoint(function = "sched_process_free")]
fn free_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let _ours = freed(&ctx);
    0
}

/// Where they are not: their upper bound too.
#[btf_tracepoint(function = "sched_process_free")]
fn free_as_reap(ctx: BtfTracePointContext) -> i32 {
    let Some((task, tgid)) = freed(&ctx) else {
        return 0;
    };
    let Some(mut entry) = maps::reserve::<Freed>() else {
        return 0;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.head = Head {
        kind: kind::FREED,
        flags: 0,
        at_ns,
    };
    record.tgid = tgid;
    record.pad = 0;
    record.start_ns = task.start_ns();
    maps::submit(entry);
    0
}

/// Counts and forgets a process; `None` for its other threads.
#[inline(always)]
fn freed(ctx: &BtfTracePointContext) -> Option<(Task, u32)> {
    let task = Task::typed(ctx.arg(0));
    let ids = task.ids();
    if !ids.is_leader() || task.is_kernel_thread() {
        return None;
    }
    let group = Group::of_leader(task);
    death::count_freed(group);
    maps::forget(group);
    Some((task, ids.tgid))
}
