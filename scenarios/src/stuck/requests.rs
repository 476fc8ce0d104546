//! Users of the two ways to have the kernel read and write for them, killed while a FUSE server
//! leaves such a request without an answer.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;

use super::fuse::killed_during;
use super::scene::Made;
use crate::fuse::{FSYNC, READ};
use crate::helpers::sleep_for_ever;
use crate::syscall::checked;
use crate::uring::Ring;

/// In include/uapi/linux/aio_abi.h.
const IOCB_CMD_FSYNC: u16 = 2;

/// `struct iocb`, with the fields that fsync uses.
#[repr(C)]
#[derive(Debug, Default)]
struct Request {
    data: u64,
    key_and_flags: u64,
    opcode: u16,
    priority: i16,
    fd: u32,
    rest: [u64; 5],
}

const _: () = assert!(size_of::<Request>() == 64);

/// A worker thread of io_uring reads, which nothing interrupts once the server has the request.
pub(super) fn io_uring() -> Result<Made> {
    match Ring::new() {
        Ok(_) => {}
        Err(error @ (Errno::ENOSYS | Errno::EPERM)) => {
            return Ok(Err(format!("no io_uring: {error}")));
        }
        Err(error) => return Err(error).context("cannot make a ring"),
    }
    killed_during(READ, |path| {
        let file = File::open(path)?;
        // Of a file that is not known to have anything, nothing is read.
        file.metadata()?;
        let ring = Ring::new().context("cannot make a ring")?;
        let buffer = Box::leak(vec![0; 1].into_boxed_slice());
        ring.read(&file, buffer).context("cannot submit a read")?;
        sleep_for_ever()
    })
}

/// The kernel syncs a file for it, and it may not give its memory back before that is done.
pub(super) fn aio() -> Result<Made> {
    killed_during(FSYNC, |path| {
        let file = File::options().read(true).write(true).open(path)?;
        let mut context = 0_u64;
        // SAFETY: the kernel writes one number.
        let made = unsafe { libc::syscall(libc::SYS_io_setup, 1, &raw mut context) };
        checked(made, "cannot set AIO up")?;
        let request = Request {
            opcode: IOCB_CMD_FSYNC,
            fd: file.as_raw_fd() as u32,
            ..Request::default()
        };
        let requests = [&raw const request];
        // SAFETY: the kernel reads one address and the request there, before it returns.
        let submitted =
            unsafe { libc::syscall(libc::SYS_io_submit, context, 1, requests.as_ptr()) };
        checked(submitted, "cannot submit an fsync")?;
        sleep_for_ever()
    })
}
