//! The ring, the counters, and other memory that is not of one process.

use aya_ebpf::{
    Global,
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP},
    macros::map,
    maps::{Array, PerCpuArray, RingBuf, ring_buf::RingBufEntry},
};
use wire::{Offsets, Options, Process, RING_BYTES, TaskRecord, counter};

use crate::{kernel::option, task::Task};

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Global<Offsets> = Global::new(Offsets::NONE);

#[unsafe(no_mangle)]
pub(crate) static OPTIONS: Global<Options> = Global::new(Options {
    exit_has_group_dead: 0,
    wake_bytes: RING_BYTES / 2,
    victim_is_task: 0,
    steps: 0,
    cgroup_v1: 0,
    slot_mask: 0,
});

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

#[map]
static COUNTERS: PerCpuArray<[u64; counter::COUNT]> = PerCpuArray::with_max_entries(1, 0);

/// The last SIGKILL that the kernel itself sent, of each CPU.
#[map]
static KERNEL_KILL: PerCpuArray<KernelKill> = PerCpuArray::with_max_entries(1, 0);

/// A SIGKILL that the kernel itself sent.
#[repr(C)]
pub(crate) struct KernelKill {
    /// Address of the `task_struct` that it was sent to.
    pub target: u64,
    pub target_tid: u32,
    /// The thread in which the kernel sent it.
    pub sender_tid: u32,
}

/// Where the snapshot builds its records. The verifier follows what is on the stack value by
/// value, which multiplies with every branch; it does not follow what is in a map.
#[map]
static TASK_RECORD: Array<TaskRecord> = Array::with_max_entries(1, 0);

pub(crate) const NOBODY: Process = Process::NONE;

/// Remembers a SIGKILL that the kernel itself sends in the current task.
#[inline(always)]
pub(crate) fn note_kernel_kill(current: Task, target: Task) {
    if let Some(kill) = kernel_kill() {
        kill.target = target.address();
        kill.target_tid = target.ids().tid;
        kill.sender_tid = current.ids().tid;
    }
}

/// The last SIGKILL that the kernel itself sent on this CPU.
#[inline(always)]
pub(crate) fn kernel_kill() -> Option<&'static mut KernelKill> {
    let kill = KERNEL_KILL.get_ptr_mut(0)?;
    // SAFETY: it is this CPU's own, and lives as long as the program runs.
    Some(unsafe { &mut *kill })
}

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
