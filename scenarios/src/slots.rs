//! Shared memory in which the actors of one death write down what they know.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
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
const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<[AtomicU64; COUNT]>()).unwrap();

/// The slots of one death, shared by all processes forked after their making.
#[derive(Debug)]
pub struct Slots {
    memory: NonNull<c_void>,
}

// SAFETY: the memory holds nothing but atomics and is unmapped only by its one owner.
unsafe impl Send for Slots {}
// SAFETY: as above; every access is atomic.
unsafe impl Sync for Slots {}

impl Slots {
    /// Fresh slots, all 0.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self> {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other.
        let memory = unsafe {
            mmap_anonymous(
                None,
                SIZE,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
            )
        };
        Ok(Self {
            memory: memory.context("cannot map shared memory")?,
        })
    }

    fn all(&self) -> &[AtomicU64; COUNT] {
        // SAFETY: the mapping is page-aligned, zero-filled, as large as the array and lives as
        // long as `self`; any bit pattern is an `AtomicU64`, and nobody has it exclusively.
        unsafe { self.memory.cast().as_ref() }
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

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this size, and no reference to it outlives `self`.
        let unmapped = unsafe { munmap(self.memory, SIZE.get()) };
        debug_assert!(unmapped.is_ok(), "the mapping is ours");
    }
}
