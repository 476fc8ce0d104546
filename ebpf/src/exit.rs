//! A process begins to exit.
//!
//! `do_exit` runs in every thread; a process exits only if its whole group does, or if this is its
//! last thread (kernel/exit.c). A leader that ends alone, and the threads that an exec removes, are
//! no exits of processes.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use wire::mark;

use crate::{
    globals::option,
    group::{Group, Signal},
    slot::Slot,
    slots,
    task::Task,
    threads, zombie,
};

#[fentry(function = "do_exit")]
fn exit_fentry(_ctx: FEntryContext) -> i32 {
    entered();
    0
}

#[kprobe(function = "do_exit")]
fn exit_kprobe(_ctx: ProbeContext) -> u32 {
    entered();
    0
}

#[inline(always)]
fn entered() {
    let current = Task::current();
    let group = Group::of(current);
    if (group.signal.group_exits() || group.signal.live_threads() == 1)
        && !current.is_kernel_thread()
        && let Some(slot) = slots::find_or_take(group.id(), group.leader)
    {
        begin(group, slot, false);
    }
}

/// Later than `do_exit`: by that time this thread no longer counts as live.
#[btf_tracepoint(function = "sched_process_exit")]
fn exit_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let current = Task::typed(ctx.arg(0));
    let group = Group::of(current);
    if (is_last(&ctx, group.signal) || group.signal.group_exits())
        && !current.is_kernel_thread()
        && let Some(slot) = slots::find_or_take(group.id(), group.leader)
    {
        begin(group, slot, option!(exit_has_group_dead) != 0);
    }
    0
}

/// The same, and the end of the last thread, for hosts where no notification can be hooked.
#[btf_tracepoint(function = "sched_process_exit")]
fn exit_and_end_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let current = Task::typed(ctx.arg(0));
    let signal = Signal::of(current);
    let mut last = is_last(&ctx, signal);
    let exits = last || signal.group_exits();
    let traced = current.is_traced();
    let is_leader = current.ids().is_leader();
    if !is_leader {
        threads::ends(current);
    }
    // Most are threads of a process that lives on.
    if !(exits || traced) || current.is_kernel_thread() {
        return 0;
    }
    let group = Group::new(current.leader(), signal);
    let traced_thread = traced && !is_leader;
    let id = group.id();
    let mut slot = slots::find_or_take(id, group.leader);
    if let Some(slot) = &mut slot {
        if exits {
            begin(group, slot, option!(exit_has_group_dead) != 0);
        }
        if traced_thread {
            slot.marks.traced_thread_died = 1;
        }
    }
    // The others may have come here before this one, though they ended after it; and the one that
    // did come last may not have known yet that a traced thread holds the group. If two threads
    // both take themselves for the last one, the announcement is sent twice.
    if traced_thread {
        last = signal.live_threads() == 0;
    }
    if last {
        zombie::ended(current, group, id, slot, traced_thread);
    }
    0
}

/// Whether the current thread is the last one of its group.
#[inline(always)]
fn is_last(ctx: &BtfTracePointContext, signal: Signal) -> bool {
    if option!(exit_has_group_dead) == 0 {
        signal.live_threads() == 0
    } else {
        ctx.arg::<u64>(1) & 0xff != 0
    }
}

/// Remembers the first moment. `at_memory` is set if the release of the memory comes next.
#[inline(always)]
fn begin(group: Group, slot: &mut Slot, at_memory: bool) {
    if slot.kept.begin_ns != 0 && option!(steps) == 0 {
        return;
    }
    // SAFETY: the helper has no preconditions.
    let now_ns = unsafe { bpf_ktime_get_boot_ns() };
    if slot.kept.begin_ns == 0 {
        slot.kept.begin_ns = now_ns;
        slot.kept.threads = group.signal.threads();
    }
    if option!(steps) != 0 {
        let steps = slot.start_steps();
        steps.reached_ns[mark::EXIT] = now_ns;
        if at_memory {
            steps.reached_ns[mark::MEMORY] = now_ns;
        }
    }
}
