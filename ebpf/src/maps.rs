//! All memory of the kernel side: the ring, the counters, and what is remembered of processes.

use aya_ebpf::{
    Global,
    bindings::{BPF_ANY, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf, ring_buf::RingBufEntry},
};
use wire::{
    COMM_LEN, Ignored, Offsets, Options, Process, RING_BYTES, Steps, TASKS as TASKS_MAX,
    TaskRecord, Waits, counter,
};

use crate::{group::Group, kernel::option, task::Task};

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Global<Offsets> = Global::new(Offsets::NONE);

#[unsafe(no_mangle)]
pub(crate) static OPTIONS: Global<Options> = Global::new(Options {
    exit_has_group_dead: 0,
    wake_bytes: RING_BYTES / 2,
    victim_is_task: 0,
    steps: 0,
    cgroup_v1: 0,
    direct_loads: 0,
});

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

/// Keyed by the address of `signal_struct`, which a process keeps from fork to its last
/// reference, also over an exec by a thread that is not the leader.
#[map]
static TASKS: HashMap<u64, Remembered> = HashMap::with_max_entries(TASKS_MAX, 0);

/// The last SIGKILL that the kernel sent of its own, of each CPU.
#[map]
static KERNEL_KILL: PerCpuArray<KernelKill> = PerCpuArray::with_max_entries(1, 0);

/// A SIGKILL that the kernel sent of its own.
#[repr(C)]
pub(crate) struct KernelKill {
    /// Address of the `task_struct` that it was sent to.
    pub target: u64,
    pub target_tid: u32,
    /// The thread in which the kernel sent it.
    pub sender_tid: u32,
}

/// Keyed like [`TASKS`]: processes on their way out, from their first step to their death. The
/// loader makes room for them where steps are measured.
#[map]
static STEPPING: HashMap<u64, Stepping> = HashMap::with_max_entries(1, 0);

/// Where the snapshot puts its records together. What is on its stack the verifier follows value
/// by value, which multiplies with every branch; what is in a map it does not.
#[map]
static TASK_RECORD: Array<TaskRecord> = Array::with_max_entries(1, 0);

/// Keyed like [`TASKS`]: the signals that came to nothing. The oldest make room for others.
#[map]
static IGNORED: LruHashMap<u64, Unheeded> = LruHashMap::with_max_entries(4096, 0);

/// A signal that a process ignored.
#[repr(C)]
pub(crate) struct Unheeded {
    /// As in [`Remembered`].
    pub start_ns: u64,
    pub what: Ignored,
}

/// How far a process on its way out has come.
#[repr(C)]
pub(crate) struct Stepping {
    /// As in [`Remembered`].
    pub start_ns: u64,
    pub steps: Steps,
}

/// What the kernel side remembers of a process until it is reaped.
#[repr(C)]
pub(crate) struct Remembered {
    /// `start_boottime`: an entry of another start belongs to an earlier owner of the address.
    pub start_ns: u64,
    pub begin_ns: u64,
    pub killed_ns: u64,
    /// Its last exec after it had forked or waited.
    pub exec_ns: u64,
    /// Of the program that it runs, and thus since its last exec.
    pub waits: Waits,
    pub killer: Process,
    pub forker: Process,
    /// Name of the program that it runs, as it was when that began.
    pub program: [u8; COMM_LEN],
    /// Name of the one before `exec_ns`.
    pub former: [u8; COMM_LEN],
    pub kill_signal: u16,
    pub kill_by: u16,
    pub threads: u32,
    /// Its death was counted here.
    pub counted: u32,
    /// Its auto-reap was counted.
    pub autoreaped: u32,
    /// A thread other than the leader died while it was traced.
    pub traced_thread_died: u32,
    /// What was made of its end before its death was told: 0, [`END_SEEN`] or [`END_ANNOUNCED`].
    pub end: u32,
}

/// The end of its last thread was seen.
pub(crate) const END_SEEN: u32 = 1;
/// And its death was announced to user space.
pub(crate) const END_ANNOUNCED: u32 = 2;

pub(crate) const NOBODY: Process = Process {
    tgid: 0,
    tid: 0,
    start_ns: 0,
    comm: [0; COMM_LEN],
};

static NOTHING: Remembered = Remembered {
    start_ns: 0,
    begin_ns: 0,
    killed_ns: 0,
    exec_ns: 0,
    waits: Waits::NONE,
    killer: NOBODY,
    forker: NOBODY,
    program: [0; COMM_LEN],
    former: [0; COMM_LEN],
    kill_signal: 0,
    kill_by: 0,
    threads: 0,
    counted: 0,
    autoreaped: 0,
    traced_thread_died: 0,
    end: 0,
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
        count(counter::LOST_TASKS_FULL);
        return None;
    }
    // SAFETY: as in `find`.
    let new = unsafe { &mut *TASKS.get_ptr_mut(key)? };
    new.start_ns = start_ns;
    group.leader.fill_comm(&mut new.program);
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

/// The last signal that this process ignored.
#[inline(always)]
pub(crate) fn ignored(group: Group) -> Option<&'static Unheeded> {
    let found = IGNORED.get_ptr(group.address())?;
    // SAFETY: as in `find`; an entry that makes room keeps its memory until the program ends.
    let found = unsafe { &*found };
    (found.start_ns == group.leader.start_ns()).then_some(found)
}

/// Keeps that this process ignored a signal.
#[inline(always)]
pub(crate) fn note_ignored(group: Group, what: Ignored) {
    let unheeded = Unheeded {
        start_ns: group.leader.start_ns(),
        what,
    };
    // Without room for it less is known.
    let _full = IGNORED.insert(group.address(), &unheeded, u64::from(BPF_ANY));
}

/// Remembers a SIGKILL that the kernel sends in the current task, of its own.
#[inline(always)]
pub(crate) fn note_kernel_kill(current: Task, target: Task) {
    if let Some(kill) = kernel_kill() {
        kill.target = target.address();
        kill.target_tid = target.ids().tid;
        kill.sender_tid = current.ids().tid;
    }
}

/// The last SIGKILL that the kernel sent of its own on this CPU.
#[inline(always)]
pub(crate) fn kernel_kill() -> Option<&'static mut KernelKill> {
    let slot = KERNEL_KILL.get_ptr_mut(0)?;
    // SAFETY: the slot is this CPU's own, and lives as long as the program runs.
    Some(unsafe { &mut *slot })
}

/// Room for one record of the snapshot.
#[inline(always)]
pub(crate) fn task_record() -> Option<&'static mut TaskRecord> {
    let slot = TASK_RECORD.get_ptr_mut(0)?;
    // SAFETY: the slot lives as long as the program runs, and that runs in the one thread of the
    // agent that reads the snapshot.
    Some(unsafe { &mut *slot })
}

/// Forgets a process.
#[inline(always)]
pub(crate) fn forget(group: Group) {
    let _absent = TASKS.remove(group.address());
    if option!(steps) != 0 {
        forget_steps(group);
    }
}

/// How far this group on its way out has come; `None` of any other.
#[inline(always)]
pub(crate) fn stepping(group: Group) -> Option<&'static mut Stepping> {
    let found = STEPPING.get_ptr_mut(group.address())?;
    // SAFETY: as in `find`; threads that write the same stamp at once write the same to within
    // the time that one is ahead of the other.
    Some(unsafe { &mut *found })
}

/// The same, made where there was none.
#[inline(always)]
pub(crate) fn start_stepping(group: Group) -> Option<&'static mut Stepping> {
    let start_ns = group.leader.start_ns();
    if stepping(group).is_none_or(|known| known.start_ns != start_ns) {
        let nothing = Stepping {
            start_ns,
            steps: Steps {
                reached_ns: [0; wire::mark::COUNT],
            },
        };
        STEPPING
            .insert(group.address(), &nothing, u64::from(BPF_ANY))
            .ok()?;
    }
    stepping(group)
}

/// Forgets how far a group came.
#[inline(always)]
pub(crate) fn forget_steps(group: Group) {
    let _absent = STEPPING.remove(group.address());
}

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(index: u32) {
    if let Some(counter) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: the slot is this CPU's own.
        unsafe { *counter += 1 };
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

/// Submits a filled record. The reader comes by itself; it is woken only when the ring fills.
#[inline(always)]
pub(crate) fn submit<T: 'static>(entry: RingBufEntry<T>) {
    let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    let wake = waiting > u64::from(option!(wake_bytes));
    entry.submit(u64::from(if wake {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }));
}
