//! The board: which deaths are held back, shared with user space, which maps it.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, macros::map, maps::Array};
use wire::{Board, Death, counter, held};

use crate::{frees, globals::option, maps, slot::Slot, task::Id};

#[map]
static BOARD: Array<Board> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Sends the death of a slot. If there is no room, it counts as lost.
#[inline(never)]
pub(crate) fn send(slot: &Slot) {
    let Some(mut entry) = maps::reserve::<Death>() else {
        return maps::count(counter::LOST_DEATH + counter::EXITED);
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    slot.kept.fill_death(unsafe { &mut *entry.as_mut_ptr() });
    maps::submit(entry);
}

/// Replaces the state of a slot, if it was `from`.
#[inline(always)]
pub(crate) fn replace(board: &mut Board, slot: &Slot, from: u8, to: u8) -> bool {
    let Some(state) = state(board, slot.kept.tgid).filter(|_| slot.marks.overflow == 0) else {
        return false;
    };
    // SAFETY: a byte of the board.
    unsafe {
        if state.read_volatile() != from {
            return false;
        }
        state.write_volatile(to);
    }
    true
}

#[inline(always)]
pub(crate) fn state(board: &mut Board, tgid: u32) -> Option<*mut u8> {
    let state = board.deaths.get_mut((tgid & option!(slot_mask)) as usize)?;
    Some(&raw mut *state)
}

#[inline(always)]
pub(crate) fn get() -> Option<&'static mut Board> {
    let board = BOARD.get_ptr_mut(0)?;
    // SAFETY: a map's value lives as long as the program runs. What several CPUs write are bytes,
    // each at once.
    Some(unsafe { &mut *board })
}

/// Sends a death that is held back; whether it was.
#[inline(always)]
pub(crate) fn give_up(slot: &mut Slot) -> bool {
    let Some(board) = get() else {
        return false;
    };
    let held = replace(board, slot, held::HELD, held::REPORTED);
    if held {
        send(slot);
    }
    held
}

/// Whether its death is held back.
#[inline(always)]
pub(crate) fn is_held(slot: &Slot) -> bool {
    let state = get().and_then(|board| state(board, slot.kept.tgid));
    // SAFETY: a byte of the board.
    slot.marks.overflow == 0 && state.is_some_and(|it| unsafe { it.read_volatile() } == held::HELD)
}

/// The slot goes to the process with this number.
#[inline(always)]
pub(crate) fn leave(slot: &mut Slot, tgid: u32) {
    // A slot that was never used has no number, but 0 is that of a slot too. With the same number,
    // the process before was reaped, and no hook has shown that.
    if slot.kept.start_ns != 0 && give_up(slot) && slot.kept.tgid == tgid {
        frees::report(Id {
            start_ns: slot.kept.start_ns,
            tgid,
        });
    }
    let Some(board) = get() else { return };
    let index = (tgid & option!(slot_mask)) as usize;
    if let Some(state) = board.deaths.get_mut(index)
        && *state != held::NONE
    {
        *state = held::NONE;
    }
    if let Some(reaper) = board.reapers.get_mut(index)
        && *reaper != 0
    {
        *reaper = 0;
    }
}
