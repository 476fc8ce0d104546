//! The record of a death, filled from the group leader, and the count of deaths.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_log_ebpf::debug;
use wire::{Death, Head, SteppedDeath, Steps, counter, death_flags, kind};

use crate::{
    board,
    ending::Ending,
    frees,
    globals::option,
    group::Group,
    hold,
    maps::{self, NOBODY},
    numbers::Numbers,
    slot::{Slot, stage},
    slots,
    task::Task,
};

/// Its parent or tracer is notified: sends its death, and counts it, once for each process.
#[inline(always)]
pub(crate) fn notified(group: Group, numbers: Numbers) {
    let ending = Ending::new(group, group.id(), numbers);
    let mut slot = slots::find(ending.id);
    if let Some(slot) = &mut slot {
        if hold::hold(&ending, slot) {
            return;
        }
        // Not for the first time: another process is notified of the zombie.
        board::give_up(slot);
    }
    let sent = send(&ending, slot.as_deref_mut(), 0);
    let mut announced = false;
    if let Some(slot) = slot {
        announced = slot.marks.announced != 0;
        let counted = slot.marks.counted != 0;
        if sent {
            let notification = ending.notification;
            slot.marks.stage = stage::DEAD;
            // Its tracer may wait for it first, without reaping it.
            if notification.traced {
                frees::need(ending.id.tgid);
            }
            slot.marks.autoreaped = u8::from(notification.autoreap && !notification.traced);
        }
        if counted {
            return;
        }
        slot.marks.counted = u8::from(counter::is_counted(sent, announced));
    } else if Task::current().ids().tgid != ending.id.tgid {
        // Not remembered, and notified by another process: most likely not for the first time.
        return;
    }
    let kind = kind_of(ending.status);
    if counter::is_counted(sent, announced) {
        maps::count(kind);
    }
    if counter::is_lost(sent, announced) {
        maps::count(counter::LOST_DEATH + kind);
    }
}

/// Sends a death from before its notification. Without room for it, it is counted when it is freed.
#[inline(always)]
pub(crate) fn announce(ending: &Ending, mut slot: Option<&mut Slot>) {
    let sent = send(
        ending,
        slot.as_deref_mut(),
        death_flags::BEFORE_NOTIFICATION,
    );
    if !sent {
        frees::need(ending.id.tgid);
    } else if let Some(slot) = slot {
        slot.marks.announced = 1;
    }
}

/// A process is freed of whose death user space got no record: it counts as a lost one. An
/// announced one is counted there, and one that ended before the agent came is not counted.
#[inline(always)]
pub(crate) fn count_freed(slot: &Slot, group: Group) {
    let marks = slot.marks;
    if marks.stage == stage::ENDING && marks.counted == 0 && marks.announced == 0 {
        let kind = kind_of(group.wait_status());
        maps::count(kind);
        maps::count(counter::LOST_DEATH + kind);
    }
}

#[inline(always)]
fn kind_of(status: u32) -> u32 {
    match (status & 0x7f, status & 0x80) {
        (0, _) => counter::EXITED,
        (_, 0) => counter::KILLED,
        _ => counter::DUMPED,
    }
}

/// Sends a death, if there is room; `flags` are [`death_flags`] but for `AUTOREAP`.
#[inline(always)]
fn send(ending: &Ending, slot: Option<&mut Slot>, mut flags: u32) -> bool {
    if ending.notification.autoreap {
        flags |= death_flags::AUTOREAP;
    }
    // Before the notification its steps are not over.
    if option!(steps) != 0 && flags & death_flags::BEFORE_NOTIFICATION == 0 {
        let Some(mut entry) = maps::reserve::<SteppedDeath>() else {
            return false;
        };
        // SAFETY: as below.
        let record = unsafe { &mut *entry.as_mut_ptr() };
        fill(
            &mut record.death,
            ending,
            slot.as_deref(),
            flags | death_flags::STEPS,
        );
        record.steps = match slot.and_then(Slot::take_steps) {
            Some(steps) => *steps,
            None => Steps::NONE,
        };
        maps::submit(entry);
        return true;
    }
    let Some(mut entry) = maps::reserve::<Death>() else {
        return false;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    fill(record, ending, slot.as_deref(), flags);
    maps::submit(entry);
    true
}

#[inline(always)]
fn fill(death: &mut Death, ending: &Ending, slot: Option<&Slot>, flags: u32) {
    let Ending { group, id, .. } = *ending;
    let notification = ending.notification;
    let leader = group.leader;
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    death.head = Head {
        kind: kind::DEATH,
        flags,
        at_ns,
    };
    note(id.tgid, flags);
    leader.fill_leader(id, &mut death.process);
    notification.parent.fill_process(&mut death.parent);
    if notification.traced {
        leader.parent().fill_process(&mut death.tracer);
    } else {
        death.tracer = NOBODY;
    }
    fill_remembered(death, slot);
    death.cgroup_id = leader.cgroup_id();
    death.cgroup_v1_id = leader.cgroup_v1_id();
    death.user_ns = group.user_ns();
    death.system_ns = group.system_ns();
    death.runtime_ns = group.runtime_ns();
    death.max_rss_pages = group.signal.max_rss_pages();
    death.exit_code = ending.status;
    death.exit_signal = notification.signal;
    death.uid = leader.uid();
    death.namespace_level = ending.numbers.level();
    ending.numbers.fill(&mut death.pids);
}

#[inline(always)]
fn fill_remembered(death: &mut Death, slot: Option<&Slot>) {
    let Some(slot) = slot else {
        death.begin_ns = 0;
        death.threads = 0;
        death.forker = NOBODY;
        return fill_kill(death, None);
    };
    death.begin_ns = slot.kept.begin_ns;
    death.threads = slot.kept.threads;
    death.forker = slot.kept.forker;
    fill_kill(death, Some(slot).filter(|slot| slot.killed_ns != 0));
}

#[inline(always)]
fn fill_kill(death: &mut Death, slot: Option<&Slot>) {
    (death.killed_ns, death.kill_signal, death.kill_by) = match slot {
        Some(slot) => (slot.killed_ns, slot.kill_signal, slot.kill_by),
        None => (0, 0, 0),
    };
    death.killer = match slot {
        Some(slot) => slot.killer,
        None => NOBODY,
    };
}

/// With `--debug-probes`; otherwise the verifier drops the body, since the level is a constant.
#[inline(never)]
fn note(tgid: u32, flags: u32) {
    debug!((), "death of {}, flags {}", tgid, flags);
}
