//! Frees, and which of them are news: those of processes whose reap was not reported.
//!
//! A small table instead of the slots, because it stays in the cache until the process is freed.
//! If another process overwrites an entry, a free is reported that tells nothing new.

use aya_ebpf::{helpers::bpf_ktime_get_boot_ns, macros::map, maps::Array};
use wire::{Freed, Head, kind};

use crate::{maps, task::Id};

/// More than are freed during an RCU grace period; a power of two.
const ENTRIES: u32 = 4096;
/// Marks a thread group id whose free is needed.
const NEEDED: u32 = 1 << 31;

/// Thread group ids, by their lower bits.
#[map]
static FREES: Array<u32> = Array::with_max_entries(ENTRIES, 0);

/// The reap of this process was reported. Its free tells nothing new, unless it was needed.
#[inline(always)]
pub(crate) fn reaped(tgid: u32) {
    if let Some(entry) = at(tgid)
        && *entry != tgid | NEEDED
    {
        *entry = tgid;
    }
}

/// The free of this process is needed even after a wait call has returned it.
#[inline(always)]
pub(crate) fn need(tgid: u32) {
    if let Some(entry) = at(tgid) {
        *entry = tgid | NEEDED;
    }
}

/// Whether the free of this process tells nothing new. Its number may then be used again.
#[inline(always)]
pub(crate) fn is_known(tgid: u32) -> bool {
    let Some(entry) = at(tgid) else {
        return false;
    };
    let known = *entry == tgid;
    if known {
        *entry = 0;
    }
    known
}

/// It is gone by now, and no hook has seen its reap.
#[inline(always)]
pub(crate) fn report(id: Id) {
    let Some(mut entry) = maps::reserve::<Freed>() else {
        return;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.head = Head {
        kind: kind::FREED,
        flags: 0,
        // SAFETY: the helper has no preconditions.
        at_ns: unsafe { bpf_ktime_get_boot_ns() },
    };
    record.tgid = id.tgid;
    record.pad = 0;
    record.start_ns = id.start_ns;
    maps::submit(entry);
}

#[inline(always)]
fn at(tgid: u32) -> Option<&'static mut u32> {
    let entry = FREES.get_ptr_mut(tgid % ENTRIES)?;
    // SAFETY: a map's value lives as long as the program runs, and a word is written at once.
    Some(unsafe { &mut *entry })
}
