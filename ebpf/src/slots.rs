//! The slots of all processes: one for each PID, modulo the number of slots.
//!
//! No slot is ever cleared: its start time shows whose it is, and a dead process leaves its slot
//! to the next one. If two living processes share a slot, the later one is in a hash map instead.

use aya_ebpf::{
    bindings::BPF_ANY,
    macros::map,
    maps::{Array, HashMap},
};
use wire::counter;

use crate::{
    board,
    globals::option,
    maps::{NOBODY, count},
    slot::{Slot, stage},
    task::{Id, Task},
};

/// The loader sets both sizes.
#[map]
static SLOTS: Array<Slot> = Array::with_max_entries(1, 0);

/// By thread group id: processes whose slot belongs to another living one.
#[map]
static OVERFLOW: HashMap<u32, Slot> = HashMap::with_max_entries(1, 0);

/// The slot of a process, if it has one.
#[inline(always)]
pub(crate) fn find(id: Id) -> Option<&'static mut Slot> {
    let slot = at(id.tgid)?;
    if slot.is_of(id) {
        return Some(slot);
    }
    overflow(id)
}

/// The slot of the process of this leader; a new one if it has none.
#[inline(always)]
pub(crate) fn find_or_take(id: Id, leader: Task) -> Option<&'static mut Slot> {
    if let Some(slot) = find(id) {
        return Some(slot);
    }
    let slot = take(id)?;
    slot.kept.forker = NOBODY;
    leader.fill_comm(&mut slot.program);
    Some(slot)
}

/// A slot for a process that has none; `forker` and `program` are left to the caller.
#[inline(always)]
pub(crate) fn take(id: Id) -> Option<&'static mut Slot> {
    let slot = at(id.tgid)?;
    // An earlier process with this number was released before this one could get it.
    let is_free = slot.marks.stage >= stage::DEAD || slot.kept.tgid == id.tgid;
    if is_free || slot.kept.start_ns == 0 {
        board::leave(slot, id.tgid);
        slot.begin(id);
        return Some(slot);
    }
    // The value is overwritten at once; the other process's slot only has the right size.
    if OVERFLOW
        .insert(id.tgid, &*slot, u64::from(BPF_ANY))
        .is_err()
    {
        count(counter::LOST_TASKS_FULL);
        return None;
    }
    // SAFETY: as in `at`.
    let slot = unsafe { &mut *OVERFLOW.get_ptr_mut(id.tgid)? };
    slot.begin(id);
    slot.marks.overflow = 1;
    Some(slot)
}

/// Its process is released: others may have the slot.
#[inline(always)]
pub(crate) fn release(id: Id) {
    match at(id.tgid) {
        Some(slot) if slot.is_of(id) => slot.marks.stage = stage::RELEASED,
        _ if overflow(id).is_some() => {
            let _gone = OVERFLOW.remove(id.tgid);
        }
        _ => {}
    }
}

/// The slot of the process that has, or had last, this number in the initial namespace.
#[inline(always)]
pub(crate) fn of_number(tgid: u32) -> Option<&'static mut Slot> {
    at(tgid).filter(|slot| slot.kept.tgid == tgid)
}

#[inline(always)]
fn at(tgid: u32) -> Option<&'static mut Slot> {
    let slot = SLOTS.get_ptr_mut(tgid & option!(slot_mask))?;
    // SAFETY: a map's value lives as long as the program runs. A slot is written by its process, by
    // the parent of that before its first run, or under its siglock.
    Some(unsafe { &mut *slot })
}

#[inline(always)]
fn overflow(id: Id) -> Option<&'static mut Slot> {
    let slot = OVERFLOW.get_ptr_mut(id.tgid)?;
    // SAFETY: as in `at`.
    let slot = unsafe { &mut *slot };
    slot.is_of(id).then_some(slot)
}
