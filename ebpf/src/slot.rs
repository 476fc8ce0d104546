//! What is remembered of one process.

use wire::{COMM_LEN, Ignored, Kept, Process, SLOT_BYTES, Steps, Waits};

use crate::task::Id;

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

impl Slot {
    #[inline(always)]
    pub(crate) fn begin(&mut self, id: Id) {
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
    pub(crate) fn is_of(&self, id: Id) -> bool {
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

    /// A call of `exit` that ends in an exec was none.
    #[inline(always)]
    pub(crate) fn clear_steps(&mut self) {
        self.marks.has_steps = 0;
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
