//! Reads the memory that the arguments of another process's system call point to. I/O.

use std::io;

use crate::host::parse;
use crate::host::proc;

/// Threads whose state is checked first.
const THREADS: usize = 256;
/// The smallest page size: a read that crosses into an unmapped page would be short.
const PAGE: u64 = 4_096;
/// The longest path.
const PATH: usize = 4_096;

/// `len` bytes at an address. Fails for a process with a thread in uninterruptible sleep: that thread
/// may hold the lock of the address space, and the read would block.
pub(super) fn bytes(pid: u32, address: u64, len: usize) -> io::Result<Vec<u8>> {
    if !is_safe(pid) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    read(pid, address, len)
}

/// The text at an address, up to its final zero byte.
pub(super) fn path(pid: u32, address: u64) -> io::Result<Vec<u8>> {
    if !is_safe(pid) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    text(pid, address)
}

fn text(pid: u32, address: u64) -> io::Result<Vec<u8>> {
    let mut path = Vec::new();
    while path.len() < PATH {
        let at = address + path.len() as u64;
        path.extend(read(pid, at, (PAGE - at % PAGE) as usize)?);
        if let Some(end) = path.iter().position(|&byte| byte == 0) {
            path.truncate(end);
            return Ok(path);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Whether none of its threads can hold the lock of the address space for long.
pub(super) fn is_safe(pid: u32) -> bool {
    let threads = proc::threads(pid, THREADS);
    let sleeps = |&tid: &u32| {
        let status = proc::text(format!("/proc/{pid}/task/{tid}/status"));
        status.is_ok_and(|status| parse::state(&status) == Some('D'))
    };
    threads.len() < THREADS && !threads.iter().any(sleeps)
}

fn read(pid: u32, address: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; len];
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: len,
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: len,
    };
    // SAFETY: The kernel writes at most `len` bytes to `bytes`, which has so many; the address in
    // the other process is checked by the kernel.
    let count = unsafe {
        libc::process_vm_readv(
            pid as libc::pid_t,
            &raw const local,
            1,
            &raw const remote,
            1,
            0,
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    bytes.truncate(count);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_up_to_the_end_of_the_text() {
        let me = std::process::id();
        let own = c"/tmp/a b".to_owned();
        let at = own.as_ptr() as u64;
        assert_eq!(text(me, at).expect("it is ours"), b"/tmp/a b");
        assert_eq!(read(me, at, 4).expect("it is ours"), b"/tmp");
        assert!(text(me, 16).is_err());
    }
}
