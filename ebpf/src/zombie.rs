//! A process is dead and its parent is notified.
//!
//! `do_notify_parent` is the exact moment (kernel/signal.c, under the tasklist lock). Where it
//! cannot be hooked, `signal_generate` shows the signal that it sends. None is sent if the parent
//! ignores SIGCHLD or the exit signal is 0: then the end of the last thread only announces the
//! death, because the process has yet to close its files, and may hang there.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use wire::{Head, NamespacePid, Renotified, kind, renotified_flags};

use crate::{
    board, death,
    ending::Ending,
    frees,
    group::Group,
    kernel::Kernel,
    kill, maps,
    numbers::Numbers,
    registers::Registers,
    signals::SIGCHLD,
    slot::{Slot, stage},
    slots,
    task::{Id, Task},
    threads,
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
    notified(Task::untyped(Registers::argument(&ctx)));
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
    if group.signal.threads() > 1 {
        return;
    }
    death::notified(group, task.numbers());
}

/// The last thread of a group ends. This is only sent if no signal will show the death, and is not
/// counted before the death has happened.
#[inline(always)]
pub(crate) fn ended(
    current: Task,
    group: Group,
    id: Id,
    mut slot: Option<&mut Slot>,
    traced_thread: bool,
) {
    let mut held = false;
    if let Some(slot) = &mut slot {
        if slot.marks.stage == stage::ALIVE {
            slot.marks.stage = stage::ENDING;
        }
        if slot.marks.overflow != 0 {
            frees::need(id.tgid);
        }
        held = slot.marks.traced_thread_died != 0 && has_others(group, current, traced_thread);
    }
    if held || group.exit_notification().silent {
        // The address of its leader may have been that of a thread whose free was not seen.
        let _stale = threads::take(group.leader);
        let ending = Ending::new(group, id, group.leader.numbers());
        death::announce(&ending, slot);
    }
}

/// A traced thread stays until its tracer has waited for it. Until then nobody is notified of the
/// group's death; the notification then comes from the tracer, which is not of the group.
#[inline(always)]
fn has_others(group: Group, current: Task, current_stays: bool) -> bool {
    let leaves = !current_stays && !current.ids().is_leader();
    group.signal.threads() > 1 + u32::from(leaves)
}

/// Where no notification can be hooked: signals that report deaths, and those that cause them.
#[btf_tracepoint(function = "signal_generate")]
fn kill_and_zombie_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let signal: u32 = ctx.arg(0);
    // Newer verifiers do not let it be loaded: it may be the number 0 or 1 (`SEND_SIG_NOINFO`,
    // `SEND_SIG_PRIV`), of which the helper reads 0.
    let info = Kernel::untyped(ctx.arg(1));
    if CHILD_DIED.contains(&info.read_u32(SI_CODE)) {
        notification(signal, info.read_u32(SI_PID), Task::typed(ctx.arg(2)));
    }
    if signal != SIGCHLD {
        kill::sent(&ctx, signal);
    }
    0
}

/// The signal of a death: of the current process, or of a zombie that its dying parent or its
/// tracer passes on.
#[inline(always)]
fn notification(signal: u32, nr: u32, target: Task) {
    let current = Task::current();
    let group = Group::of(current);
    let numbers = group.leader.numbers();
    let observer = target.numbers();
    if current.is_exiting() && nr == numbers.nr_seen_by(observer) {
        let expected = signal == SIGCHLD || signal as i32 == group.leader.exit_signal();
        if expected && group.leader.exit_state() != 0 && group.signal.threads() <= 1 {
            death::notified(group, numbers);
        }
    } else if signal == SIGCHLD && current.ids().tgid != target.ids().tgid {
        renotified(target, observer, nr);
    }
}

#[inline(always)]
fn renotified(target: Task, observer: Numbers, nr: u32) {
    let namespace = observer.namespace();
    if observer.level() == 0
        && let Some(slot) = slots::of_number(nr)
    {
        board::give_up(slot);
    }
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
