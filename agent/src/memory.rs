//! What the allocator does with freed memory. By default glibc keeps much of it: an agent that has
//! once seen a hundred thousand zombies would stay as large.

use std::{ptr, slice};

use rustix::param::page_size;

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

/// Unmaps the program's code and constants, most of which only the start needs: options, types of
/// the kernel, probes. What is needed again comes from the page cache.
pub fn unmap_code() {
    // SAFETY: the callback gets what this passes it, and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(unmap_constant_segments), ptr::null_mut()) };
}

/// Of the first object, which is the program. One segment at a time, since the kernel may have
/// placed other mappings in the gaps between them: those of BPF maps do not come back.
unsafe extern "C" fn unmap_constant_segments(
    object: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: both are valid during the call.
    let (base, headers) = unsafe {
        let object = &*object;
        let headers = slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        (object.dlpi_addr as usize, headers)
    };
    let is_constant = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    for header in headers.iter().filter(is_constant) {
        let begin = base + header.p_vaddr as usize;
        let page = begin - begin % page_size();
        let length = begin + header.p_memsz as usize - page;
        // SAFETY: these pages are only read, and come back from the file with the same content.
        unsafe {
            libc::madvise(
                ptr::without_provenance_mut(page),
                length,
                libc::MADV_DONTNEED,
            )
        };
    }
    1
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
