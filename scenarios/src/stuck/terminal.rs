//! The owner of a terminal, such as sshd or a terminal emulator, killed while a program inside it
//! cannot leave its read: the driver hangs the terminal up, and waits for that.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::signal::{Signal, kill};

use super::scene::{Made, Scene};
use crate::helpers::{Helper, child, sleep_for_ever};
use crate::slots::{Slot, Slots};
use crate::syscall::checked;

/// In include/uapi/linux/userfaultfd.h.
const UFFD_API: u64 = 0xaa;
const UFFDIO_API: u64 = 0xc018_aa3f;
const UFFDIO_REGISTER: u64 = 0xc020_aa00;
const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;
const PAGE: usize = 4096;

/// Its end comes to the release function of the terminal, whose hangup waits until no process is
/// inside a read of the other end any more
/// ([`tty_ldisc_hangup`](https://elixir.bootlin.com/linux/v6.12/A/ident/tty_ldisc_hangup)).
pub(super) fn hangs_up() -> Result<Made> {
    match user_faults() {
        Ok(_) => {}
        Err(error) => return Ok(Err(format!("no userfaultfd: {error}"))),
    }
    let slots = Slots::new()?;
    let pid = child(|| {
        let (mut owner, number) = pseudo_terminal()?;
        owner.write_all(b"x\n").context("cannot write")?;
        slots.set(Slot::Extra, u64::from(number) + 1);
        sleep_for_ever()
    })?;
    let number = slots.wait(Slot::Extra)? - 1;
    let reader = Helper(child(|| read_into_nothing(number, &slots))?);
    slots.wait(Slot::Go)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(Scene {
        pid,
        holder: Some(reader.0),
        connection: None,
        guard: Box::new((reader, slots)),
    }))
}

/// The owner's end of a new one, and its number.
fn pseudo_terminal() -> Result<(File, u32)> {
    let owner = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open("/dev/ptmx")
        .context("cannot open a terminal")?;
    let (unlock, mut number) = (0, 0_u32);
    let fd = owner.as_raw_fd();
    // SAFETY: the kernel reads one number.
    let unlocked = unsafe { libc::ioctl(fd, libc::TIOCSPTLCK, &raw const unlock) };
    checked(i64::from(unlocked), "cannot unlock a terminal")?;
    // SAFETY: the kernel writes one number.
    let numbered = unsafe { libc::ioctl(fd, libc::TIOCGPTN, &raw mut number) };
    checked(i64::from(numbered), "cannot number a terminal")?;
    Ok((owner, number))
}

/// A thread reads from the terminal into memory whose page fault is never resolved; it sets
/// [`Slot::Go`] when it is there.
fn read_into_nothing(number: u64, slots: &Slots) -> Result<()> {
    let terminal = File::options()
        .read(true)
        .custom_flags(libc::O_NOCTTY)
        .open(format!("/dev/pts/{number}"))
        .context("cannot open the terminal's other end")?;
    let length = PAGE.try_into().context("a page is empty")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no other.
    let page = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE) }
        .context("cannot map a page")?;
    let begin = page.as_ptr() as u64;
    let faults = user_faults().context("cannot use userfaultfd")?;
    // `struct uffdio_register`.
    let mut range = [begin, PAGE as u64, UFFDIO_REGISTER_MODE_MISSING, 0];
    // SAFETY: the kernel reads and writes four numbers.
    let registered =
        unsafe { libc::ioctl(faults.as_raw_fd(), UFFDIO_REGISTER, range.as_mut_ptr()) };
    checked(i64::from(registered), "cannot have the faults of a page")?;
    thread::spawn(move || {
        // SAFETY: the page is this thread's alone.
        unsafe { libc::read(terminal.as_raw_fd(), begin as *mut libc::c_void, 1) }
    });
    let mut wanted = [PollFd::new(faults.as_fd(), PollFlags::POLLIN)];
    poll(&mut wanted, PollTimeout::NONE).context("cannot wait for the fault")?;
    slots.set(Slot::Go, 1);
    sleep_for_ever()
}

/// Blocks page faults of this process, those inside system calls as well.
fn user_faults() -> nix::Result<OwnedFd> {
    // SAFETY: the call takes flags only.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) };
    let fd = Errno::result(fd)? as i32;
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    let faults = unsafe { OwnedFd::from_raw_fd(fd) };
    // `struct uffdio_api`.
    let mut api = [UFFD_API, 0, 0];
    // SAFETY: the kernel reads and writes three numbers.
    Errno::result(unsafe { libc::ioctl(fd, UFFDIO_API, api.as_mut_ptr()) })?;
    Ok(faults)
}
