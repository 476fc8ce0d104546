//! The record of a death, filled from its leader, and its count.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_log_ebpf::debug;
use wire::{Death, Head, Process, SteppedDeath, counter, death_flags, kind};

use crate::{
    group::{ExitNotification, Group},
    kernel::option,
    maps, steps,
    task::{self, Task},
};

/// Sends a death that has happened, and counts it, once a process.
#[inline(always)]
pub(crate) fn told(group: Group) {
    let sent = send(group, group.exit_notification(), 0);
    let mut announced = false;
    if let Some(process) = maps::remembered(group) {
        announced = process.end == maps::END_ANNOUNCED;
        if process.counted != 0 {
            return;
        }
        if counter::is_counted(sent, announced) {
            process.counted = 1;
        }
    } else if Task::current().ids().tgid != group.leader.ids().tgid {
        // Not remembered, and told by another process: most likely told before.
        return;
    }
    let kind = kind_of(group.wait_status());
    if counter::is_counted(sent, announced) {
        maps::count(kind);
    }
    if counter::is_lost(sent, announced) {
        maps::count(counter::LOST_DEATH + kind);
    }
}

/// Counts a death of which user space got no record, now that the process is freed, as a lost one.
/// What was announced is counted there, and one whose last thread ended before the agent came is
/// not counted at all.
#[inline(always)]
pub(crate) fn count_freed(group: Group) {
    let Some(process) = maps::remembered(group) else {
        return;
    };
    if process.counted != 0 || process.end != maps::END_SEEN {
        return;
    }
    let kind = kind_of(group.wait_status());
    maps::count(kind);
    maps::count(counter::LOST_DEATH + kind);
}

#[inline(always)]
fn kind_of(status: u32) -> u32 {
    match (status & 0x7f, status & 0x80) {
        (0, _) => counter::EXITED,
        (_, 0) => counter::KILLED,
        _ => counter::DUMPED,
    }
}

/// Sends a death, if there is room; `flags` are [`death_flags`] other than those of the notification.
#[inline(always)]
pub(crate) fn send(group: Group, notification: ExitNotification, mut flags: u32) -> bool {
    if notification.autoreap {
        flags |= death_flags::AUTOREAP;
    }
    // Before the notification its steps are not over.
    if option!(steps) != 0 && flags & death_flags::BEFORE_NOTIFICATION == 0 {
        let Some(mut entry) = maps::reserve::<SteppedDeath>() else {
            return false;
        };
        // SAFETY: as below.
        let stepped = unsafe { &mut *entry.as_mut_ptr() };
        fill(
            &mut stepped.death,
            group,
            notification,
            flags | death_flags::STEPS,
        );
        steps::take(group, &mut stepped.steps);
        maps::submit(entry);
        return true;
    }
    let Some(mut entry) = maps::reserve::<Death>() else {
        return false;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    fill(
        unsafe { &mut *entry.as_mut_ptr() },
        group,
        notification,
        flags,
    );
    maps::submit(entry);
    true
}

#[inline(always)]
fn fill(death: &mut Death, group: Group, notification: ExitNotification, flags: u32) {
    let leader = group.leader;
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    death.head = Head {
        kind: kind::DEATH,
        flags,
        at_ns,
    };
    leader.fill_leader(&mut death.process);
    note(death.process.tgid, flags);
    leader.real_parent().fill_process(&mut death.parent);
    if notification.traced {
        leader.parent().fill_process(&mut death.tracer);
    } else {
        task::clear_process(&mut death.tracer);
    }
    fill_remembered(group, notification, flags, death);
    death.cgroup_id = leader.cgroup_id();
    death.cgroup_v1_id = leader.cgroup_v1_id();
    death.user_ns = group.user_ns();
    death.system_ns = group.system_ns();
    death.runtime_ns = group.runtime_ns();
    death.max_rss_pages = group.max_rss_pages();
    death.exit_code = group.wait_status();
    death.exit_signal = leader.exit_signal();
    death.uid = leader.uid();
    let numbers = leader.numbers();
    death.namespace_level = numbers.level();
    numbers.fill(&mut death.pids);
}

#[inline(always)]
fn fill_remembered(group: Group, notification: ExitNotification, flags: u32, death: &mut Death) {
    let Some(process) = maps::remembered(group) else {
        task::clear_process(&mut death.forker);
        task::clear_process(&mut death.killer);
        death.killed_ns = 0;
        death.begin_ns = 0;
        death.kill_signal = 0;
        death.kill_by = 0;
        death.threads = 0;
        return;
    };
    copy(&mut death.forker, &process.forker);
    copy(&mut death.killer, &process.killer);
    death.killed_ns = process.killed_ns;
    death.begin_ns = process.begin_ns;
    death.kill_signal = process.kill_signal;
    death.kill_by = process.kill_by;
    death.threads = process.threads;
    if flags & death_flags::BEFORE_NOTIFICATION != 0 {
        process.end = maps::END_ANNOUNCED;
    } else {
        process.autoreaped = u32::from(notification.autoreap && !notification.traced);
    }
}

/// By fields: both sides are map memory, which a `memcpy` by call could not tell the verifier.
#[inline(always)]
fn copy(to: &mut Process, from: &Process) {
    to.tgid = from.tgid;
    to.tid = from.tid;
    to.start_ns = from.start_ns;
    to.comm = from.comm;
}

/// With `--debug-probes`; else the verifier drops the body, since the level is a constant.
#[inline(never)]
fn note(tgid: u32, flags: u32) {
    debug!((), "death of {}, flags {}", tgid, flags);
}
