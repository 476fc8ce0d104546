//! All memory of the kernel side: the ring, the counters, and what is remembered of processes.

use aya_ebpf::{
    Global,
    bindings::{BPF_ANY, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::{HashMap, PerCpuArray, RingBuf, ring_buf::RingBufEntry},
};
use aya_log_ebpf::warn;
use wire::{Offsets, Options, Process, RING_BYTES, TASKS as TASKS_MAX, counter};

use crate::task::Group;

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Global<Offsets> = Global::new(Offsets::NONE);

#[unsafe(no_mangle)]
pub(crate) static OPTIONS: Global<Options> = Global::new(Options {
    exit_has_group_dead: 0,
    wake_bytes: RING_BYTES / 2,
});

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

/// Keyed by the address of `signal_struct`, which a process keeps from fork to its last
/// reference, also over an exec by a thread that is not the leader.
#[map]
static TASKS: HashMap<u64, Remembered> = HashMap::with_max_entries(TASKS_MAX, 0);

/// What the kernel side remembers of a process until it is reaped.
#[repr(C)]
pub(crate) struct Remembered {
    /// `start_boottime`: an entry of another start belongs to an earlier owner of the address.
    pub start_ns: u64,
    pub begin_ns: u64,
    pub killed_ns: u64,
    pub last_wait_ns: u64,
    pub waits: u64,
    pub killer: Process,
    pub forker: Process,
    pub kill_signal: u32,
    pub threads: u32,
    /// Its death was counted.
    pub counted: u32,
    /// Its auto-reap was counted.
    pub autoreaped: u32,
}

const NOBODY: Process = Process {
    tgid: 0,
    tid: 0,
    start_ns: 0,
    comm: [0; wire::COMM_LEN],
};

static NOTHING: Remembered = Remembered {
    start_ns: 0,
    begin_ns: 0,
    killed_ns: 0,
    last_wait_ns: 0,
    waits: 0,
    killer: NOBODY,
    forker: NOBODY,
    kill_signal: 0,
    threads: 0,
    counted: 0,
    autoreaped: 0,
};

/// What is remembered of a process, if anything.
#[inline(always)]
pub(crate) fn remembered(group: Group) -> Option<&'static mut Remembered> {
    find(group, group.leader.start_ns())
}

/// The same, made where there was none.
#[inline(always)]
pub(crate) fn remember(group: Group) -> Option<&'static mut Remembered> {
    let start_ns = group.leader.start_ns();
    if let Some(found) = find(group, start_ns) {
        return Some(found);
    }
    let key = group.address();
    if TASKS.insert(key, &NOTHING, u64::from(BPF_ANY)).is_err() {
        lost(counter::LOST_TASKS_FULL);
        return None;
    }
    // SAFETY: as in `find`.
    let new = unsafe { &mut *TASKS.get_ptr_mut(key)? };
    new.start_ns = start_ns;
    Some(new)
}

#[inline(always)]
fn find(group: Group, start_ns: u64) -> Option<&'static mut Remembered> {
    let found = TASKS.get_ptr_mut(group.address())?;
    // SAFETY: the map's value lives as long as the program runs, and the entries of one process
    // are written by itself, by its parent before its first run, or under its siglock.
    let found = unsafe { &mut *found };
    (found.start_ns == start_ns).then_some(found)
}

/// Forgets a process.
#[inline(always)]
pub(crate) fn forget(group: Group) {
    let _absent = TASKS.remove(group.address());
}

/// Adds one to a counter of this CPU and returns its new value.
#[inline(always)]
pub(crate) fn count(index: u32) -> u64 {
    let Some(counter) = COUNTERS.get_ptr_mut(index) else {
        return 0;
    };
    // SAFETY: the slot is this CPU's own.
    unsafe {
        *counter += 1;
        *counter
    }
}

/// Counts a loss; each time that their number on a CPU has doubled, it is logged too.
#[inline(never)]
pub(crate) fn lost(index: u32) {
    let so_far = count(index);
    if so_far.is_power_of_two() {
        if index == counter::LOST_RING_FULL {
            warn!((), "event ring full, {} records lost on this CPU", so_far);
        } else {
            warn!(
                (),
                "task map full, {} processes not remembered on this CPU", so_far
            );
        }
    }
}

/// Room for a record, or a counted loss.
#[inline(always)]
pub(crate) fn reserve<T: 'static>() -> Option<RingBufEntry<T>> {
    let entry = EVENTS.reserve::<T>(0);
    if entry.is_none() {
        lost(counter::LOST_RING_FULL);
    }
    entry
}

/// Submits a filled record. The reader comes by itself; it is woken only when the ring fills.
#[inline(always)]
pub(crate) fn submit<T: 'static>(entry: RingBufEntry<T>) {
    let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    let wake = waiting > u64::from(OPTIONS.load().wake_bytes);
    entry.submit(u64::from(if wake {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }));
}
