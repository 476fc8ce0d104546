//! io_uring, as much as one request takes (include/uapi/linux/io_uring.h).

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::unistd::Pid;

const IORING_OP_READ: u8 = 22;
const IORING_OP_WAITID: u8 = 50;
/// Hands the request to a worker thread without a try before.
const IOSQE_ASYNC: u8 = 1 << 4;
const IORING_ENTER_GETEVENTS: u32 = 1;
/// Where the rings are in the descriptor, and where the entries to submit are.
const IORING_OFF_SQ_RING: i64 = 0;
const IORING_OFF_SQES: i64 = 0x1000_0000;

/// `struct io_sqring_offsets`.
#[repr(C)]
#[derive(Debug, Default)]
struct SubmissionOffsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    flags: u32,
    dropped: u32,
    array: u32,
    reserved: [u32; 3],
}

/// `struct io_cqring_offsets`.
#[repr(C)]
#[derive(Debug, Default)]
struct CompletionOffsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    overflow: u32,
    cqes: u32,
    reserved: [u32; 4],
}

/// `struct io_uring_params`.
#[repr(C)]
#[derive(Debug, Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    sq_off: SubmissionOffsets,
    cq_off: CompletionOffsets,
}

/// `struct io_uring_sqe`; waitid has an id in `fd`, its type in `len`, and its options in
/// `file_index`.
#[repr(C)]
#[derive(Debug, Default)]
struct Submission {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    off: u64,
    addr: u64,
    len: u32,
    op_flags: u32,
    user_data: u64,
    buf_index: u16,
    personality: u16,
    file_index: u32,
    reserved: [u64; 2],
}

/// `struct io_uring_cqe`.
#[repr(C)]
#[derive(Debug)]
struct Completion {
    user_data: u64,
    result: i32,
    flags: u32,
}

const _: () = assert!(size_of::<Params>() == 120 && size_of::<Submission>() == 64);

/// A ring that takes one submission in its life.
#[derive(Debug)]
pub struct Ring {
    fd: OwnedFd,
    params: Params,
    rings: Mapping,
    submissions: Mapping,
}

impl Ring {
    /// Sets it up.
    ///
    /// # Errors
    /// If the kernel has no io_uring, or refuses it.
    pub fn new() -> nix::Result<Self> {
        let mut params = Params::default();
        // SAFETY: the kernel reads and writes parameters of this size.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut params) };
        let fd = Errno::result(fd)?;
        // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        // Both rings are in one mapping (IORING_FEAT_SINGLE_MMAP, Linux 5.4): it ends with
        // whichever ends later.
        let submitted = params.sq_off.array as usize + params.sq_entries as usize * 4;
        let completed = size_of::<Completion>() * params.cq_entries as usize;
        let length = submitted.max(params.cq_off.cqes as usize + completed);
        let rings = Mapping::new(&fd, length, IORING_OFF_SQ_RING)?;
        let length = size_of::<Submission>() * params.sq_entries as usize;
        let submissions = Mapping::new(&fd, length, IORING_OFF_SQES)?;
        Ok(Self {
            fd,
            params,
            rings,
            submissions,
        })
    }

    /// Takes the dead `pid` as waitid does, without that system call.
    ///
    /// # Errors
    /// The result of the ring: `EINVAL` from a kernel whose io_uring has no waitid, `EAGAIN` when
    /// it did not wait for the end.
    pub fn waitid(self, pid: Pid) -> nix::Result<()> {
        let submission = Submission {
            opcode: IORING_OP_WAITID,
            fd: pid.as_raw(),
            len: libc::P_PID,
            file_index: libc::WEXITED as u32,
            ..Submission::default()
        };
        self.submit(submission, 1)?;
        let completed = self.word(self.params.cq_off.tail).load(Ordering::Acquire);
        if completed != 1 {
            return Err(Errno::EAGAIN);
        }
        // SAFETY: the kernel has written the first completion at this offset.
        let result = unsafe { (*self.rings.at::<Completion>(self.params.cq_off.cqes)).result };
        match result {
            0.. => Ok(()),
            error => Err(Errno::from_raw(-error)),
        }
    }

    /// Has a worker thread of the kernel read into `buffer`, and does not wait for it. The ring
    /// and the buffer stay for ever, as this program may end before the read does.
    ///
    /// # Errors
    /// If the kernel does not take the request.
    pub fn read(self, file: &impl AsRawFd, buffer: &'static mut [u8]) -> nix::Result<()> {
        let submission = Submission {
            opcode: IORING_OP_READ,
            flags: IOSQE_ASYNC,
            fd: file.as_raw_fd(),
            addr: buffer.as_mut_ptr() as u64,
            len: buffer.len() as u32,
            ..Submission::default()
        };
        self.submit(submission, 0)?;
        std::mem::forget(self);
        Ok(())
    }

    /// Hands over the one submission, and waits for so many to be completed.
    fn submit(&self, submission: Submission, completed: u32) -> nix::Result<()> {
        // SAFETY: the mapping is aligned to a page and holds one entry at least, which the
        // kernel does not read before it is submitted.
        unsafe { self.submissions.at::<Submission>(0).write(submission) };
        self.word(self.params.sq_off.array)
            .store(0, Ordering::Relaxed);
        self.word(self.params.sq_off.tail)
            .store(1, Ordering::Release);
        // SAFETY: the call reads the rings only, and no signal mask is given.
        let submitted = unsafe {
            let no_mask = std::ptr::null::<libc::c_void>();
            let fd = self.fd.as_raw_fd();
            libc::syscall(
                libc::SYS_io_uring_enter,
                fd,
                1,
                completed,
                IORING_ENTER_GETEVENTS,
                no_mask,
                0,
            )
        };
        Errno::result(submitted).map(drop)
    }

    /// A word that kernel and program read and write.
    fn word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel's offsets are in the mapping and are aligned, and it uses these
        // words atomically.
        unsafe { AtomicU32::from_ptr(self.rings.at(offset)) }
    }
}

/// Memory shared with the kernel.
#[derive(Debug)]
struct Mapping {
    begin: NonNull<libc::c_void>,
    length: NonZeroUsize,
}

impl Mapping {
    fn new(fd: &OwnedFd, length: usize, offset: i64) -> nix::Result<Self> {
        let length = NonZeroUsize::new(length).ok_or(Errno::EINVAL)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let begin = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, fd, offset) }?;
        Ok(Self { begin, length })
    }

    fn at<T>(&self, offset: u32) -> *mut T {
        assert!(offset as usize + size_of::<T>() <= self.length.get());
        // SAFETY: the result is in the mapping, as was just asserted.
        unsafe { self.begin.as_ptr().byte_add(offset as usize).cast() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this size, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.begin, self.length.get()) };
        debug_assert!(unmapped.is_ok(), "the mapping is ours");
    }
}
