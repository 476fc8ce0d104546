//! Holds ordinary deaths back, and counts them at their reap.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns,
    macros::map,
    maps::{HashMap, PerCpuArray},
};
use wire::{BOUNDS_NS, Board, CGROUPS, Count, SAMPLES, Times, counter, held, holds};

use crate::{
    board,
    ending::Ending,
    globals::option,
    maps,
    signals::SIGCHLD,
    slot::{Slot, stage},
    slots,
    task::Task,
};

/// The index in `COUNTS` of each cgroup whose workload user space knows, by its ids in
/// version 2 and in the chosen hierarchy of version 1.
#[map]
static PLACES: HashMap<[u64; 2], u32> = HashMap::with_max_entries(CGROUPS as u32, 0);

#[map]
static COUNTS: PerCpuArray<Count> = PerCpuArray::with_max_entries(CGROUPS as u32, 0);

#[map]
static TIMES: PerCpuArray<Times> = PerCpuArray::with_max_entries(1, 0);

/// Holds a death back, if nothing about it is unusual so far and it is notified for the first time.
#[inline(always)]
pub(crate) fn hold(ending: &Ending, slot: &mut Slot) -> bool {
    let Some(board) = board::get() else {
        return false;
    };
    let level = ending.numbers.level();
    match board.holds {
        holds::ALL => {}
        holds::INITIAL_NAMESPACE if level == 0 => {}
        _ => return false,
    }
    let marks = slot.marks;
    if marks.stage >= stage::DEAD || marks.announced != 0 || marks.overflow != 0 {
        return false;
    }
    let notification = ending.notification;
    let unusual = notification.traced || notification.autoreap;
    if unusual || notification.signal != SIGCHLD as i32 || ending.status & 0x7f != 0 {
        return false;
    }
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    let begin_ns = slot.kept.begin_ns;
    if begin_ns == 0 || at_ns - begin_ns > u64::from(board.quick_ns) {
        return false;
    }
    let leader = ending.group.leader;
    let cgroups = [leader.cgroup_id(), leader.cgroup_v1_id()];
    // SAFETY: the value is a word, which user space replaces at once.
    let Some(place) = (unsafe { PLACES.get(cgroups) }) else {
        return false;
    };
    slot.place = *place as u16;
    slot.clear_waits();
    fill(slot, ending, at_ns, cgroups);
    slot.marks.stage = stage::DEAD;
    slot.marks.counted = 1;
    maps::count(counter::EXITED);
    if let Some(state) = board::state(board, slot.kept.tgid) {
        // SAFETY: a byte of the board.
        unsafe { state.write_volatile(held::HELD) };
    }
    true
}

#[inline(always)]
fn fill(slot: &mut Slot, ending: &Ending, at_ns: u64, cgroups: [u64; 2]) {
    let (group, leader) = (ending.group, ending.group.leader);
    let held = &mut slot.kept.held;
    held.at_ns = at_ns;
    held.reaped_ns = 0;
    ending.notification.parent.fill_process(&mut held.parent);
    leader.fill_comm(&mut held.comm);
    [held.cgroup_id, held.cgroup_v1_id] = cgroups;
    held.user_ns = group.user_ns();
    held.system_ns = group.system_ns();
    held.runtime_ns = group.runtime_ns();
    held.max_rss_pages = group.signal.max_rss_pages();
    held.exit_code = ending.status;
    held.uid = leader.uid();
    held.namespace_level = ending.numbers.level();
    ending.numbers.fill(&mut held.pids);
}

/// A process reaps this one. Whether both death and reap are ordinary: they are counted then, and
/// nothing else has to be done. If only the death was, it is sent.
#[inline(always)]
pub(crate) fn reaped(slot: &mut Slot, reaper: Task) -> bool {
    let Some(board) = board::get() else {
        return false;
    };
    // User space may report the death at any time, so nothing comes between the look and the mark.
    if !board::replace(board, slot, held::HELD, held::COUNTED) {
        return false;
    }
    let ordinary = count(board, slot, reaper).is_some();
    if !ordinary {
        board::replace(board, slot, held::COUNTED, held::REPORTED);
        board::send(slot);
    }
    ordinary
}

/// Counts an ordinary death; `None` if it is not one.
#[inline(always)]
fn count(board: &mut Board, slot: &mut Slot, reaper: Task) -> Option<()> {
    let (start_ns, begin_ns) = (slot.kept.start_ns, slot.kept.begin_ns);
    let held = &mut slot.kept.held;
    let id = reaper.leader().id();
    let by_parent = id.tgid == held.parent.tgid && id.start_ns == held.parent.start_ns;
    if !by_parent || !reaper.ids().is_leader() || reaper.is_exiting() {
        return None;
    }
    // SAFETY: the helper has no preconditions.
    let now_ns = unsafe { bpf_ktime_get_boot_ns() };
    let zombie_ns = now_ns - held.at_ns;
    if zombie_ns > u64::from(board.quick_ns) {
        return None;
    }
    let parent = slots::find(id).filter(|parent| parent.marks.overflow == 0)?;
    let (times, of_cgroup) = (
        TIMES.get_ptr_mut(0)?,
        COUNTS.get_ptr_mut(slot.place.into())?,
    );
    // SAFETY: both are this CPU's own.
    let (times, of_cgroup) = unsafe { (&mut *times, &mut *of_cgroup) };
    let of_parent = board
        .reapers
        .get_mut((id.tgid & option!(slot_mask)) as usize)?;

    held.reaped_ns = now_ns;
    let exit_ns = held.at_ns - begin_ns;
    times.exit_ns += exit_ns;
    times.exits[bucket(exit_ns)] += 1;
    times.zombie_ns += zombie_ns;
    times.zombies[bucket(zombie_ns)] += 1;
    of_cgroup.deaths += 1;
    of_cgroup.zombie_ns += zombie_ns;

    let reaps = &mut parent.kept.reaps;
    reaps.zombie_ns[reaps.total as usize % SAMPLES] = zombie_ns as u32;
    reaps.total += 1;
    reaps.last_ns = now_ns;
    reaps.comm = held.parent.comm;
    if start_ns > reaps.newest_start_ns {
        reaps.newest_start_ns = start_ns;
        reaps.newest_ns = now_ns;
    }
    *of_parent = 1;
    Some(())
}

#[inline(always)]
fn bucket(ns: u64) -> usize {
    let mut index = 0;
    while index < BOUNDS_NS.len() - 1 && ns > BOUNDS_NS[index] {
        index += 1;
    }
    index
}
