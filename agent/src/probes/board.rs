//! Ordinary deaths, which the kernel side counts and does not send: the memory that both sides
//! share, the slots, and the times.

use std::{
    io,
    mem::offset_of,
    os::fd::{AsFd, AsRawFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, PerCpuArray},
};
use wire::{Count, SLOT_BYTES, Times, held, holds};

use super::error::{KernelError, with_causes};
use model::events::CgroupIds;

/// The bytes of a slot.
pub(crate) type Slot = [u8; SLOT_BYTES];

const COUNT_WORDS: usize = size_of::<Count>() / size_of::<u64>();
const TIMES_WORDS: usize = size_of::<Times>() / size_of::<u64>();

/// The kernel side's memory of ordinary deaths.
pub(crate) struct Board {
    shared: Shared,
    slots: Array<MapData, Slot>,
    places: HashMap<MapData, [u64; 2], u32>,
    counts: PerCpuArray<MapData, [u64; COUNT_WORDS]>,
    times: PerCpuArray<MapData, [u64; TIMES_WORDS]>,
    slot_mask: u32,
    /// One of [`holds`]: what the hooks allow.
    allowed: u32,
}

impl Board {
    /// Takes its maps out of the loaded object.
    pub(super) fn take(ebpf: &mut Ebpf, slot_mask: u32, allowed: u32) -> Result<Self, KernelError> {
        let mut take = |name| {
            let lacking = || KernelError::Load(format!("the object has no map {name}"));
            ebpf.take_map(name).ok_or_else(lacking)
        };
        let wrong = |error| KernelError::Load(format!("a map is not as expected: {error}"));
        let shared = match take("BOARD")? {
            Map::Array(map) => Shared::map(&map),
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        };
        Ok(Self {
            shared: shared.map_err(|error| {
                KernelError::Load(format!("cannot map the kernel side's counts: {error}"))
            })?,
            slots: Array::try_from(take("SLOTS")?).map_err(wrong)?,
            places: HashMap::try_from(take("PLACES")?).map_err(wrong)?,
            counts: PerCpuArray::try_from(take("COUNTS")?).map_err(wrong)?,
            times: PerCpuArray::try_from(take("TIMES")?).map_err(wrong)?,
            slot_mask,
            allowed,
        })
    }

    /// From now on, deaths that are over within `quick_ns` are ordinary. Until
    /// [`Board::set_holding`], every death is sent.
    pub(crate) fn set_quick(&self, quick_ns: u32) {
        self.shared.quick_ns().store(quick_ns, Ordering::Relaxed);
    }

    /// Whether ordinary deaths are held back, or every death is sent.
    pub(crate) fn set_holding(&self, holding: bool) {
        let holds = if holding { self.allowed } else { holds::NONE };
        self.shared.holds().store(holds, Ordering::Relaxed);
    }

    /// The indexes of all slots whose death is held back.
    pub(crate) fn held(&self) -> Vec<u32> {
        self.shared.held(self.slot_mask).collect()
    }

    /// The slot with this index, if its death is held back. It counts as reported from now on.
    pub(crate) fn report(&self, index: u32) -> Option<Slot> {
        let state = self.shared.death(index);
        let (is, becomes) = (held::HELD, held::REPORTED);
        let order = Ordering::SeqCst;
        state.compare_exchange(is, becomes, order, order).ok()?;
        let slot = self.slot(index);
        // The kernel side may have looked before the exchange, and counted it after.
        slot.filter(|_| state.load(order) != held::COUNTED)
    }

    /// The slots of living processes that had ordinary reaps since the last call.
    pub(crate) fn reapers(&self) -> Vec<Slot> {
        let indexes = self.shared.reapers(self.slot_mask);
        let living = |index: &u32| {
            let had = self.shared.reaper(*index).swap(0, Ordering::SeqCst) != 0;
            had && self.shared.death(*index).load(Ordering::Relaxed) == held::NONE
        };
        let living = indexes.filter(living);
        living.filter_map(|index| self.slot(index)).collect()
    }

    /// The slot of a process that had this PID, if its death was counted and not sent.
    pub(crate) fn counted(&self, tgid: u32) -> Option<Slot> {
        let index = tgid & self.slot_mask;
        let state = self.shared.death(index).load(Ordering::SeqCst);
        self.slot(index).filter(|_| state == held::COUNTED)
    }

    /// Ordinary deaths at a place.
    ///
    /// # Errors
    /// If the map cannot be read.
    pub(crate) fn count(&self, place: u32) -> io::Result<Count> {
        Ok(zerocopy::transmute!(sum(&self.counts, place)?))
    }

    /// Ordinary deaths in these cgroups are counted at this place from now on.
    pub(crate) fn admit(&mut self, cgroups: CgroupIds, place: u32) -> io::Result<()> {
        let inserted = self.places.insert(key(cgroups), place, 0);
        inserted.map_err(with_causes)
    }

    /// Deaths in these cgroups are sent from now on.
    pub(crate) fn dismiss(&mut self, cgroups: CgroupIds) -> io::Result<()> {
        self.places.remove(&key(cgroups)).map_err(with_causes)
    }

    /// The times of all ordinary deaths.
    pub(crate) fn times(&self) -> io::Result<Times> {
        Ok(zerocopy::transmute!(sum(&self.times, 0)?))
    }

    fn slot(&self, index: u32) -> Option<Slot> {
        static PROBLEM: crate::problem::Problem = crate::problem::Problem::new();
        let slot = self.slots.get(&index, 0);
        PROBLEM
            .check("cannot read a slot of the kernel side", slot)
            .ok()
    }
}

/// An entry, word by word the sum over all CPUs.
fn sum<const WORDS: usize>(
    map: &PerCpuArray<MapData, [u64; WORDS]>,
    index: u32,
) -> io::Result<[u64; WORDS]> {
    let cpus = map.get(&index, 0).map_err(with_causes)?;
    let add = |sum: [u64; WORDS], cpu: &[u64; WORDS]| std::array::from_fn(|n| sum[n] + cpu[n]);
    Ok(cpus.iter().fold([0; WORDS], add))
}

fn key(cgroups: CgroupIds) -> [u64; 2] {
    [cgroups.v2, cgroups.v1].map(Option::unwrap_or_default)
}

/// The [`wire::Board`], mapped into this process.
struct Shared(NonNull<wire::Board>);

// SAFETY: it is only accessed by atomic operations.
unsafe impl Send for Shared {}

impl Shared {
    fn map(map: &MapData) -> io::Result<Self> {
        let (read_write, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let fd = map.fd().as_fd().as_raw_fd();
        // SAFETY: a new mapping, of a map whose value has this size.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<wire::Board>(),
                read_write,
                shared,
                fd,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self(at))
    }

    fn holds(&self) -> &AtomicU32 {
        // SAFETY: a field of the mapping, which lives as long as `self`; the kernel side and this
        // process access it by whole words only.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0.as_ptr()).holds) }
    }

    fn quick_ns(&self) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.0.as_ptr()).quick_ns) }
    }

    fn death(&self, slot: u32) -> &AtomicU8 {
        // SAFETY: as above; an index out of bounds panics.
        unsafe { AtomicU8::from_ptr(&raw mut (*self.0.as_ptr()).deaths[slot as usize]) }
    }

    fn reaper(&self, slot: u32) -> &AtomicU8 {
        // SAFETY: as above.
        unsafe { AtomicU8::from_ptr(&raw mut (*self.0.as_ptr()).reapers[slot as usize]) }
    }

    /// The slots whose death is held back.
    fn held(&self, slot_mask: u32) -> impl Iterator<Item = u32> {
        const { assert!(held::HELD == 1) };
        ones(self.words(offset_of!(wire::Board, deaths), slot_mask))
    }

    /// The slots whose process had ordinary reaps.
    fn reapers(&self, slot_mask: u32) -> impl Iterator<Item = u32> {
        ones(self.words(offset_of!(wire::Board, reapers), slot_mask))
    }

    /// The bytes of all slots in the array at this offset, eight at a time.
    fn words(&self, offset: usize, slot_mask: u32) -> impl Iterator<Item = u64> {
        #[expect(clippy::cast_ptr_alignment, reason = "the mapping begins with a page")]
        let words = self.0.as_ptr().cast::<u64>();
        // SAFETY: both arrays are that far within the mapping, and aligned to words.
        let first = unsafe { words.byte_add(offset) };
        let count = (slot_mask as usize + 1).div_ceil(size_of::<u64>());
        (0..count).map(move |n| {
            // SAFETY: within the array; the mapping outlives this borrow of it.
            unsafe { AtomicU64::from_ptr(first.add(n)) }.load(Ordering::SeqCst)
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is our own, and nothing refers to it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<wire::Board>()) };
    }
}

/// The positions of all bytes that are 1.
fn ones(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
    const ONES: u64 = u64::MAX / 0xff;
    // A byte of the difference is 0 where there is a 1; the subtraction then borrows.
    let may_have_one = |word: u64| {
        let difference = word ^ ONES;
        difference.wrapping_sub(ONES) & !difference & (ONES << 7) != 0
    };
    let words = (0..).zip(words);
    let found = words.filter(move |(_, word)| may_have_one(*word));
    found.flat_map(|(n, word): (u32, u64)| {
        let bytes = (0..8).zip(word.to_ne_bytes());
        bytes.filter_map(move |(byte, value)| (value == 1).then_some(8 * n + byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_are_1_are_found() {
        let mut bytes = [[0, 2, 3, 0x81, 0xff, 0, 0x80, 0]; 4];
        assert_eq!(ones(bytes.into_iter().map(u64::from_ne_bytes)).count(), 0);
        (bytes[0][0], bytes[1][7], bytes[3][1], bytes[3][2]) = (1, 1, 1, 1);
        let found: Vec<_> = ones(bytes.into_iter().map(u64::from_ne_bytes)).collect();
        assert_eq!(found, [0, 15, 25, 26]);
    }
}
