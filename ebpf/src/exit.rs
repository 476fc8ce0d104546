//! A process begins to exit.
//!
//! `do_exit` runs in every thread; a process is on its way out only when its group was told to
//! exit or this is its last thread (kernel/exit.c). A leader that ends alone, and the threads
//! that an exec removes, are neither.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};

use wire::mark;

use crate::{kernel::option, maps, steps, task::Task};

#[fentry(function = "do_exit")]
fn exit_fentry(_ctx: FEntryContext) -> i32 {
    begin(1);
    0
}

#[kprobe(function = "do_exit")]
fn exit_kprobe(_ctx: ProbeContext) -> u32 {
    begin(1);
    0
}

/// Later than `do_exit`: by that time this thread no longer counts as live.
#[btf_tracepoint(function = "sched_process_exit")]
fn exit_tracepoint(_ctx: BtfTracePointContext) -> i32 {
    begin(0);
    // There it comes just before the release of the memory, else after it.
    if option!(steps) != 0 && option!(exit_has_group_dead) != 0 {
        steps::reach(mark::MEMORY);
    }
    0
}

/// Remembers the first moment; `last` is the number of live threads when this is the last.
#[inline(always)]
fn begin(last: u32) {
    let current = Task::current();
    if current.is_kernel_thread() {
        return;
    }
    let group = current.group();
    if !(group.exits() || group.live_threads() == last) {
        return;
    }
    let Some(process) = maps::remember(group) else {
        return;
    };
    // SAFETY: the helper has no preconditions.
    let now_ns = unsafe { bpf_ktime_get_boot_ns() };
    if process.begin_ns == 0 {
        process.begin_ns = now_ns;
        process.threads = group.threads();
    }
    if option!(steps) != 0 {
        steps::enter(group, now_ns);
    }
}
