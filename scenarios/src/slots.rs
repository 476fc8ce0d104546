//! Shared memory in which the actors of one death write down what they know.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::clock;

/// How often somebody looks whether a slot was filled.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// How long somebody waits for a slot before the scenario counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// One fact; 0 means that nobody wrote it down.
#[derive(Clone, Copy, Debug)]
pub enum Slot {
    /// Just before the fork.
    ForkBegin,
    /// Just after the fork.
    ForkEnd,
    /// PID of the forker.
    Forker,
    /// PID of the child.
    Pid,
    /// Who must reap it, where that is not the reaper or forker.
    Parent,
    /// Who traces it.
    Tracer,
    /// The child has its name and runs.
    Ready,
    /// The child may end.
    Go,
    /// Just before the child ends.
    Ending,
    /// A look for its death returned: it was dead before this.
    Seen,
    /// Its wait status, with [`STATUS_KNOWN`].
    Status,
    /// Just before the wait that took it.
    ReapBegin,
    /// Just after the wait that took it.
    ReapEnd,
    /// PID of who took it.
    Reaper,
    /// Thread that took it.
    ReaperThread,
    /// Just before the signal was sent.
    KillBegin,
    /// Just after the signal was sent.
    KillEnd,
    /// PID of the sender.
    Killer,
    /// The signal sent.
    Signal,
    /// User time in microseconds, plus one.
    User,
    /// System time in microseconds, plus one.
    System,
    /// Largest resident set in KiB.
    MaxRss,
    /// Anything a scenario needs besides.
    Extra,
}

/// Set in [`Slot::Status`] beside the status itself, which may be 0.
pub const STATUS_KNOWN: u64 = 1 << 32;

const COUNT: usize = Slot::Extra as usize + 1;

type All = [AtomicU64; COUNT];

/// The slots of one death, shared by all processes forked after their making.
#[derive(Debug)]
pub struct Slots {
    memory: Arc<Memory>,
    index: usize,
}

impl Slots {
    /// Fresh slots, all 0.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self> {
        let memory = Arc::new(Memory::new(1)?);
        Ok(Self { memory, index: 0 })
    }

    /// Those of `count` deaths, in one mapping: each mapping costs every fork time.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn many(count: usize) -> Result<Vec<Self>> {
        let memory = Arc::new(Memory::new(count)?);
        let one = |index| Self {
            memory: Arc::clone(&memory),
            index,
        };
        Ok((0..count).map(one).collect())
    }

    fn all(&self) -> &All {
        &self.memory.all()[self.index]
    }

    /// Writes a fact down.
    pub fn set(&self, slot: Slot, value: u64) {
        self.all()[slot as usize].store(value, Ordering::SeqCst);
    }

    /// Writes the time down.
    pub fn stamp(&self, slot: Slot) {
        self.set(slot, clock::now_ns());
    }

    /// What was written down, 0 for nothing.
    pub fn get(&self, slot: Slot) -> u64 {
        self.all()[slot as usize].load(Ordering::SeqCst)
    }

    /// Waits until somebody wrote `slot`. Allocates nothing unless it fails.
    ///
    /// # Errors
    /// When nobody did for a very long time.
    pub fn wait(&self, slot: Slot) -> Result<u64> {
        let end = clock::now_ns() + PATIENCE.as_nanos() as u64;
        loop {
            match self.get(slot) {
                0 if clock::now_ns() > end => bail!("nobody wrote down {slot:?}"),
                0 => std::thread::sleep(LOOK_EVERY),
                value => return Ok(value),
            }
        }
    }
}

/// Memory that a fork does not copy.
#[derive(Debug)]
struct Memory {
    begin: NonNull<c_void>,
    count: usize,
}

// SAFETY: the memory holds nothing but atomics and is unmapped only by its one owner.
unsafe impl Send for Memory {}
// SAFETY: as above; every access is atomic.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(count: usize) -> Result<Self> {
        let size = NonZeroUsize::new(count * size_of::<All>()).context("no slots")?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other.
        let begin = unsafe {
            mmap_anonymous(
                None,
                size,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
            )
        };
        let begin = begin.context("cannot map shared memory")?;
        Ok(Self { begin, count })
    }

    fn all(&self) -> &[All] {
        // SAFETY: the mapping is page-aligned, zero-filled, as large as the arrays and lives as
        // long as `self`; any bit pattern is an `AtomicU64`, and nobody has it exclusively.
        unsafe { NonNull::slice_from_raw_parts(self.begin.cast(), self.count).as_ref() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this size, and no reference to it outlives `self`.
        let unmapped = unsafe { munmap(self.begin, self.count * size_of::<All>()) };
        debug_assert!(unmapped.is_ok(), "the mapping is ours");
    }
}
