//! What is remembered of each process: one slot for each PID, modulo the number of slots.
//!
//! No slot is ever cleared: its start time shows whose it is, and a dead process leaves its slot
//! to the next one. If two living processes share a slot, the later one is in a hash map instead.

use aya_ebpf::{
    bindings::BPF_ANY,
    macros::map,
    maps::{Array, HashMap},
};
use wire::{COMM_LEN, Ignored, Kept, Process, SLOT_BYTES, Steps, Waits, counter};

use crate::{
    hold,
    kernel::option,
    maps::{NOBODY, count},
    task::{Id, Task},
};

/// The loader sets both sizes.
#[map]
static SLOTS: Array<Slot> = Array::with_max_entries(1, 0);

/// By thread group id: processes whose slot belongs to another living one.
#[map]
static OVERFLOW: HashMap<u32, Slot> = HashMap::with_max_entries(1, 0);

/// What is remembered of a process, from its fork or the first act of it that matters.
#[repr(C)]
pub(crate) struct Slot {
    /// What user space reads of it; `former` is of `exec_ns`.
    pub(crate) kept: Kept,
    /// When the last fatal signal was sent: `kill_signal`, `kill_by` and `killer` are of that.
    pub(crate) killed_ns: u64,
    pub(crate) kill_signal: u16,
    pub(crate) kill_by: u16,
    /// The place of its cgroup among the counts, while its death is held back.
    pub(crate) place: u16,
    unused: u16,
    pub(crate) marks: Marks,
    /// Name of the program that it runs, as it was when that began.
    pub(crate) program: [u8; COMM_LEN],
    /// Name of the one before.
    pub(crate) former: [u8; COMM_LEN],
    pub(crate) killer: Process,
    ignored: Ignored,
}

const _: () = assert!(size_of::<Slot>() == SLOT_BYTES);

/// Bytes, not bits, because different CPUs write them at the same time.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    /// One of [`stage`].
    pub(crate) stage: u8,
    /// User space has a record of its death from before the notification.
    pub(crate) announced: u8,
    /// Its death was counted here.
    pub(crate) counted: u8,
    /// Its auto-reap was reported with its death.
    pub(crate) autoreaped: u8,
    /// It is not in the slot of its number.
    pub(crate) overflow: u8,
    /// A thread other than the leader died while it was traced.
    pub(crate) traced_thread_died: u8,
    has_ignored: u8,
    has_waits: u8,
    has_steps: u8,
    padding: [u8; 7],
}

/// How far the life of a process is.
pub(crate) mod stage {
    pub(crate) const ALIVE: u8 = 0;
    /// Its last thread has begun to exit.
    pub(crate) const ENDING: u8 = 1;
    /// Its parent was notified. All that is remembered was reported then.
    pub(crate) const DEAD: u8 = 2;
    /// It is released.
    pub(crate) const RELEASED: u8 = 3;
}

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
        hold::leave(slot, id.tgid);
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

impl Slot {
    #[inline(always)]
    fn begin(&mut self, id: Id) {
        self.kept.start_ns = id.start_ns;
        self.kept.tgid = id.tgid;
        self.kept.threads = 0;
        self.kept.begin_ns = 0;
        self.kept.exec_ns = 0;
        self.killed_ns = 0;
        self.marks = Marks::NONE;
        self.clear_reaps();
    }

    #[inline(always)]
    fn is_of(&self, id: Id) -> bool {
        self.kept.start_ns == id.start_ns && self.kept.tgid == id.tgid
    }

    /// Its wait calls; `None` before the first.
    #[inline(always)]
    pub(crate) fn waits(&self) -> Option<&Waits> {
        // SAFETY: plain integers of the same size, which are those of wait calls while it is marked.
        let waits = unsafe { &*(&raw const self.kept.held).cast::<Waits>() };
        (self.marks.has_waits != 0).then_some(waits)
    }

    #[inline(always)]
    pub(crate) fn waits_mut(&mut self) -> &mut Waits {
        // SAFETY: as above.
        let waits = unsafe { &mut *(&raw mut self.kept.held).cast::<Waits>() };
        if self.marks.has_waits == 0 {
            *waits = Waits::NONE;
            self.marks.has_waits = 1;
        }
        waits
    }

    /// The wait calls of its program before an exec do not count, nor those of a dead process.
    #[inline(always)]
    pub(crate) fn clear_waits(&mut self) {
        self.marks.has_waits = 0;
    }

    /// What its program reaped before an exec does not count.
    #[inline(always)]
    pub(crate) fn clear_reaps(&mut self) {
        let reaps = &mut self.kept.reaps;
        reaps.total = 0;
        reaps.last_ns = 0;
        reaps.newest_start_ns = 0;
        reaps.newest_ns = 0;
    }

    /// The last terminating signal that came to nothing.
    #[inline(always)]
    pub(crate) fn ignored(&self) -> Option<&Ignored> {
        (self.marks.has_ignored != 0).then_some(&self.ignored)
    }

    #[inline(always)]
    pub(crate) fn ignored_mut(&mut self) -> &mut Ignored {
        self.marks.has_ignored = 1;
        &mut self.ignored
    }

    /// How far its exit is; `None` before the first step.
    #[inline(always)]
    pub(crate) fn steps_mut(&mut self) -> Option<&mut Steps> {
        (self.marks.has_steps != 0).then_some(self.steps())
    }

    /// The same, handed over once.
    #[inline(always)]
    pub(crate) fn take_steps(&mut self) -> Option<&Steps> {
        let has_steps = core::mem::take(&mut self.marks.has_steps);
        (has_steps != 0).then_some(self.steps())
    }

    #[inline(always)]
    pub(crate) fn start_steps(&mut self) -> &mut Steps {
        if self.marks.has_steps == 0 {
            *self.steps() = Steps::NONE;
            self.marks.has_steps = 1;
        }
        self.steps()
    }

    #[inline(always)]
    fn steps(&mut self) -> &mut Steps {
        // SAFETY: plain integers, of which there are enough; with steps, there are no reaps.
        unsafe { &mut *(&raw mut self.kept.reaps).cast::<Steps>() }
    }
}

impl Marks {
    const NONE: Self = Self {
        stage: stage::ALIVE,
        announced: 0,
        counted: 0,
        autoreaped: 0,
        overflow: 0,
        traced_thread_died: 0,
        has_ignored: 0,
        has_waits: 0,
        has_steps: 0,
        padding: [0; 7],
    };
}
