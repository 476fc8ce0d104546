//! Shared memory in which the processes of one death record what they know.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::clock;
use crate::ids::host_ids;

/// How often a slot is polled.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// How long to wait for a slot before the scenario counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// One fact; 0 means that it was not recorded.
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
    /// The process that must reap it, if that is not the reaper or forker.
    Parent,
    /// Its tracer.
    Tracer,
    /// The child has its name and runs.
    Ready,
    /// The child may end.
    Go,
    /// Just before the child ends.
    Ending,
    /// Just after its death was seen: it was dead before this.
    Seen,
    /// Its wait status, with [`STATUS_KNOWN`].
    Status,
    /// Just before the wait that reaped it.
    ReapBegin,
    /// Just after the wait that reaped it.
    ReapEnd,
    /// PID of the reaper.
    Reaper,
    /// TID of the reaper.
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
    /// If there is no memory.
    pub fn new() -> Result<Self> {
        let memory = Arc::new(Memory::new(1)?);
        Ok(Self { memory, index: 0 })
    }

    /// Those of `count` deaths, in one mapping: each mapping costs every fork time.
    ///
    /// # Errors
    /// If there is no memory.
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

    /// Records a fact.
    pub fn set(&self, slot: Slot, value: u64) {
        self.all()[slot as usize].store(value, Ordering::SeqCst);
    }

    /// Records the time.
    pub fn stamp(&self, slot: Slot) {
        self.set(slot, clock::now_ns());
    }

    /// Records the PID of this process, as it is outside all namespaces.
    pub(crate) fn publish_pid(&self) {
        self.set(Slot::Pid, host_ids().0);
    }

    /// The recorded fact, or 0.
    pub fn get(&self, slot: Slot) -> u64 {
        self.all()[slot as usize].load(Ordering::SeqCst)
    }

    /// Waits until `slot` is recorded. Allocates nothing unless it fails.
    ///
    /// # Errors
    /// If that takes a very long time.
    pub fn wait(&self, slot: Slot) -> Result<u64> {
        let end = clock::now_ns() + PATIENCE.as_nanos() as u64;
        loop {
            match self.get(slot) {
                0 if clock::now_ns() > end => bail!("{slot:?} was not recorded"),
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
        // long as `self`; any bit pattern is an `AtomicU64`, and nothing refers to it exclusively.
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
