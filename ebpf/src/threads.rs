//! Threads that have ended, by the address of their task: their free tells nothing new.
//!
//! By then the memory of a task is cold, so that it costs more to read whether it was a thread than
//! all else at its free. If another task overwrites an entry, only that time is lost.

use aya_ebpf::{macros::map, maps::Array};

use crate::{
    globals::{OPTIONS, offset},
    task::Task,
};

/// More than are freed during an RCU grace period; a power of two.
const ENTRIES: u64 = 8192;
/// Less than the size of a `task_struct`. Neighbours in a slab, which one CPU uses, stay neighbours
/// in the table, so that two CPUs seldom write to the same cache line.
const GRAIN_BITS: u32 = 11;

#[map]
static THREADS: Array<u64> = Array::with_max_entries(ENTRIES as u32, 0);

/// This task is a thread that ends.
#[inline(always)]
pub(crate) fn ends(task: Task) {
    let mark = mark(task);
    if let Some(entry) = at(mark) {
        *entry = mark;
    }
}

/// Whether this task was such a thread. Its address may then be used again.
#[inline(always)]
pub(crate) fn take(task: Task) -> bool {
    let mark = mark(task);
    let Some(entry) = at(mark) else {
        return false;
    };
    let is_thread = mark != 0 && *entry == mark;
    if is_thread {
        *entry = 0;
    }
    is_thread
}

/// The distance from a fixed address: the verifier lets no program calculate with a pointer, but the
/// difference of two is a number. Where fields are not read through pointers, nothing is marked.
#[inline(always)]
fn mark(task: Task) -> u64 {
    if offset!(direct_loads) == 0 {
        return 0;
    }
    task.address().wrapping_sub((&raw const OPTIONS) as u64)
}

#[inline(always)]
fn at(mark: u64) -> Option<&'static mut u64> {
    let entry = THREADS.get_ptr_mut(((mark >> GRAIN_BITS) % ENTRIES) as u32)?;
    // SAFETY: a map's value lives as long as the program runs, and a word is written at once.
    Some(unsafe { &mut *entry })
}
