//! The last reference to a released task is dropped, milliseconds to seconds after its reap, in
//! whatever context runs the RCU callbacks: the count of deaths without a record, and an upper
//! bound for reaps that nothing else has shown.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    board, death, frees,
    group::Group,
    slots,
    task::{Id, Task},
    threads,
};

/// For hosts where a hook on `release_task` sees all reaps.
#[btf_tracepoint(function = "sched_process_free")]
fn free_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let _unseen = freed(&ctx);
    0
}

/// For all others.
#[btf_tracepoint(function = "sched_process_free")]
fn free_as_reap(ctx: BtfTracePointContext) -> i32 {
    if let Some(id) = freed(&ctx) {
        frees::report(id);
    }
    0
}

/// Counts and forgets a process. Returns it unless its reap was reported.
#[inline(always)]
fn freed(ctx: &BtfTracePointContext) -> Option<Id> {
    let task = Task::typed(ctx.arg(0));
    if threads::take(task) {
        return None;
    }
    let ids = task.ids();
    // By now the memory of the task is cold: each field costs more than all else here.
    if !ids.is_leader() || frees::is_known(ids.tgid) {
        return None;
    }
    let id = task.id_as(ids.tgid);
    let mut unreported = false;
    if let Some(slot) = slots::find(id) {
        unreported = board::give_up(slot);
        death::count_freed(slot, Group::of_leader(task));
        slots::release(id);
    }
    if unreported {
        frees::report(id);
        return None;
    }
    (!task.is_kernel_thread()).then_some(id)
}
