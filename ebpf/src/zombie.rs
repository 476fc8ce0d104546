//! A process is dead and its parent is told.
//!
//! `do_notify_parent` is the exact moment (kernel/signal.c, under the tasklist lock). Where it
//! cannot be hooked, the signal that it sends is seen by `signal_generate`. Where the parent
//! ignores SIGCHLD, or the exit signal is 0, none is sent: then the end of the last thread only
//! announces the death, since the process has yet to close its files, and may hang there.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use wire::{Head, NamespacePid, Renotified, death_flags, kind, renotified_flags};

use crate::{
    death,
    group::{Group, SIGCHLD},
    kernel::{Kernel, option},
    maps,
    task::Task,
};

/// `CLD_EXITED`, `CLD_KILLED`, `CLD_DUMPED`; stops and continues come after.
const CHILD_DIED: core::ops::RangeInclusive<u32> = 1..=3;
/// Offset of `si_code` in `kernel_siginfo`.
const SI_CODE: u32 = 8;
/// Offset of `si_pid`.
const SI_PID: u32 = 16;

#[fentry(function = "do_notify_parent")]
fn zombie_fentry(ctx: FEntryContext) -> i32 {
    notified(Task::typed(ctx.arg(0)));
    0
}

#[kprobe(function = "do_notify_parent")]
fn zombie_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(task) = ctx.arg(0) {
        notified(Task::untyped(task));
    }
    0
}

/// A traced thread is notified too, and a traced leader before its group is gone: neither can
/// be reaped as a process yet.
#[inline(always)]
fn notified(task: Task) {
    if !task.ids().is_leader() || task.is_kernel_thread() {
        return;
    }
    let group = Group::of_leader(task);
    if group.threads() > 1 {
        return;
    }
    death::told(group);
}

/// The end of a group's last thread: sent only if no signal will tell of the death, and not
/// counted before that has happened.
#[btf_tracepoint(function = "sched_process_exit")]
fn zombie_group_dead(ctx: BtfTracePointContext) -> i32 {
    let current = Task::current();
    let group = current.group();
    let traced_thread = current.is_traced() && !current.ids().is_leader();
    if traced_thread && let Some(process) = maps::remember(group) {
        process.traced_thread_died = 1;
    }
    // The others may have come here before this one, though they ended after it; and the one that
    // did come last may not have known yet that a traced thread holds the group. Two threads that
    // both believe that they are the last say the same twice.
    let group_dead = if traced_thread || option!(exit_has_group_dead) == 0 {
        group.live_threads() == 0
    } else {
        ctx.arg::<u64>(1) & 0xff != 0
    };
    if !group_dead || current.is_kernel_thread() {
        return 0;
    }
    if let Some(process) = maps::remember(group)
        && process.end == 0
    {
        process.end = maps::END_SEEN;
    }
    let notification = group.exit_notification();
    if notification.silent || is_held_by_thread(group, current, traced_thread) {
        // Without room for it the freeing counts it.
        let _sent = death::send(group, notification, death_flags::BEFORE_NOTIFICATION);
    }
    0
}

/// A traced thread stays until its tracer has waited for it, and so long nobody is told of the
/// group's death; then that comes from the tracer, who has nothing to do with the group.
#[inline(always)]
fn is_held_by_thread(group: Group, current: Task, current_is_held: bool) -> bool {
    let goes_by_itself = !current_is_held && !current.ids().is_leader();
    let others = group
        .threads()
        .saturating_sub(1 + u32::from(goes_by_itself));
    others > 0 && maps::remembered(group).is_some_and(|process| process.traced_thread_died != 0)
}

/// The signal of a death: of the current process's own, or of a zombie that its dying parent or
/// its tracer passes on.
#[btf_tracepoint(function = "signal_generate")]
fn zombie_signal(ctx: BtfTracePointContext) -> i32 {
    let info = Kernel::typed(ctx.arg(1));
    // 0 and 1 stand for "no siginfo" and "from the kernel".
    if info.address() <= 1 || !CHILD_DIED.contains(&info.read_u32(SI_CODE)) {
        return 0;
    }
    let signal: u32 = ctx.arg(0);
    let target = Task::typed(ctx.arg(2));
    let current = Task::current();
    let group = current.group();
    let nr = info.read_u32(SI_PID);
    let told = target.numbers();
    if current.is_exiting() && nr == group.leader.numbers().nr_seen_by(told) {
        let expected = signal == SIGCHLD || signal as i32 == group.leader.exit_signal();
        if expected && group.leader.exit_state() != 0 && group.threads() <= 1 {
            death::told(group);
        }
    } else if signal == SIGCHLD && current.ids().tgid != target.ids().tgid {
        renotified(target, told.namespace(), nr);
    }
    0
}

#[inline(always)]
fn renotified(target: Task, namespace: u32, nr: u32) {
    let Some(mut entry) = maps::reserve::<Renotified>() else {
        return;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    let autoreap = target.child_disposition().autoreaps();
    record.head = Head {
        kind: kind::RENOTIFIED,
        flags: if autoreap {
            renotified_flags::AUTOREAP
        } else {
            0
        },
        // SAFETY: the helper has no preconditions.
        at_ns: unsafe { bpf_ktime_get_boot_ns() },
    };
    record.child = NamespacePid { namespace, nr };
    target.fill_process(&mut record.parent);
    maps::submit(entry);
}
