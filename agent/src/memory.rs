//! What the allocator does with freed memory. By default glibc keeps much of it: an agent that has
//! once seen a hundred thousand zombies would stay as large.

/// Blocks from this size on are mapped one by one, and the heap shrinks when so much is free at its
/// end.
const BYTES: libc::c_int = 128 << 10;

/// How many heaps there are for all threads. Only the loop allocates often; by default each thread
/// gets a heap of its own, and keeps what it once needed.
const HEAPS: libc::c_int = 2;

/// Below this many entries a table is not worth the work.
const FEW: usize = 1_000;

/// Makes the allocator return large blocks at once. Otherwise it raises these limits itself after
/// the first large block (mallopt(3)).
pub fn keep_little() {
    // SAFETY: no preconditions.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, BYTES);
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// After so many seconds snapshots and queues from before a table shrank are gone.
const LATER: u32 = 20;

/// Returns free memory to the kernel, also between used blocks.
pub fn give_back() {
    // SAFETY: no preconditions.
    unsafe { libc::malloc_trim(0) };
}

unsafe extern "C" {
    /// Both ends of the program's code and constants; the linker defines them.
    static __executable_start: u8;
    static etext: u8;
}

/// Unmaps the program's code and constants, most of which only the start needs: options, types of
/// the kernel, probes. What is needed again comes from the page cache.
pub fn unmap_code() {
    let (begin, end) = (&raw const __executable_start, &raw const etext);
    let begin = begin.cast_mut();
    let length = end.addr().saturating_sub(begin.addr());
    // SAFETY: these pages are only read, and come back from the file with the same content.
    unsafe { libc::madvise(begin.cast(), length, libc::MADV_DONTNEED) };
}

/// Gives memory back after a table has shrunk, and once more when what came of it is gone too.
#[derive(Debug, Default)]
pub struct Shrinking {
    /// The most entries since memory was given back.
    peak: usize,
    /// Calls until memory is given back once more.
    left: u32,
}

impl Shrinking {
    /// The table has this many entries now; call it once a second.
    pub fn note(&mut self, entries: usize) {
        self.peak = self.peak.max(entries);
        self.left = self.left.saturating_sub(1);
        let has_shrunk = self.peak > FEW && entries < self.peak / 2;
        if has_shrunk {
            (self.peak, self.left) = (entries, LATER + 1);
        }
        if has_shrunk || self.left == 1 {
            give_back();
        }
    }
}
