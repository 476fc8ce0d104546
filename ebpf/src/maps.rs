//! The ring, the counters, and other memory that is not of one process.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP},
    macros::map,
    maps::{Array, PerCpuArray, RingBuf, ring_buf::RingBufEntry},
};
use wire::{Process, RING_BYTES, TaskRecord, counter};

use crate::globals::option;

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

#[map]
static COUNTERS: PerCpuArray<[u64; counter::COUNT]> = PerCpuArray::with_max_entries(1, 0);

/// Where the snapshot builds its records. The verifier follows what is on the stack value by
/// value, which multiplies with every branch; it does not follow what is in a map.
#[map]
static TASK_RECORD: Array<TaskRecord> = Array::with_max_entries(1, 0);

pub(crate) const NOBODY: Process = Process::NONE;

/// Room for one record of the snapshot.
#[inline(always)]
pub(crate) fn task_record() -> Option<&'static mut TaskRecord> {
    let record = TASK_RECORD.get_ptr_mut(0)?;
    // SAFETY: it lives as long as the program runs, which is only run by the one thread of the
    // agent that reads the snapshot.
    Some(unsafe { &mut *record })
}

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(index: u32) {
    let Some(counters) = COUNTERS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: they are this CPU's own, and live as long as the program runs.
    if let Some(counter) = unsafe { &mut *counters }.get_mut(index as usize) {
        *counter += 1;
    }
}

/// Room for a record, or a counted loss.
#[inline(always)]
pub(crate) fn reserve<T: 'static>() -> Option<RingBufEntry<T>> {
    let entry = EVENTS.reserve::<T>(0);
    if entry.is_none() {
        count(counter::LOST_RING_FULL);
    }
    entry
}

/// Submits a filled record. The reader is woken by the first one in an empty ring, and when the ring
/// is half full.
#[inline(always)]
pub(crate) fn submit<T: 'static>(entry: RingBufEntry<T>) {
    let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    let wake = waiting > u64::from(option!(wake_bytes));
    entry.submit(if wake {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        0
    });
}
