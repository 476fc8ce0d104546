//! A file that answers when it likes: the smallest FUSE server, of one file and without content.
//! Its protocol is that of include/uapi/linux/fuse.h.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tempfile::TempDir;

use super::HELD_UP;
use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::lacking::Lacking;
use crate::slots::Slot;
use crate::wait::By;

const DEVICE: &str = "/dev/fuse";
/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

/// The mounted file; goes with this.
struct Server {
    device: File,
    file: PathBuf,
    _folder: TempDir,
}

/// A request that waits for its answer.
struct Request {
    operation: u32,
    unique: [u8; 8],
}

/// It holds a file whose flush is answered late.
pub(super) fn slow_flush(death: &Death) -> Result<()> {
    let mut server = Server::mount()?;
    let file = server.file.clone();
    let pid = death.fork(|| match File::open(&file) {
        // Left to its exit.
        Ok(open) => {
            std::mem::forget(open);
            0
        }
        Err(_) => FAILED,
    })?;
    let flush = server.serve_until(|operation| operation == FLUSH)?;
    pause(HELD_UP);
    server.answer(&flush, &[])?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)?;
    exited_well(death)
}

/// Its main thread exits while the other one is in a system call that nothing ends but an answer.
pub(super) fn stuck_sibling(death: &Death) -> Result<()> {
    let mut server = Server::mount()?;
    let file = server.file.clone();
    let pid = death.fork(|| {
        let Ok(open) = File::open(&file) else {
            return FAILED;
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                death.set(Slot::Go, 1);
                drop(open.metadata());
            });
            let code = i32::from(death.wait(Slot::Extra).is_err());
            // SAFETY: the other thread must be left where it is.
            unsafe { libc::_exit(code) }
        })
    })?;
    let question =
        server.serve_until(|operation| operation == GETATTR && death.get(Slot::Go) != 0)?;
    death.set(Slot::Extra, 1);
    // A leader that ended is called a zombie, also where others of its threads live.
    let ended =
        || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|it| it.contains(") Z "));
    while !ended() {
        thread::sleep(Duration::from_millis(1));
    }
    pause(HELD_UP);
    server.answer(&question, &attributes())?;
    // Its exit goes on, and closes the file.
    let flush = server.serve_until(|operation| operation == FLUSH)?;
    server.answer(&flush, &[])?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)?;
    exited_well(death)
}

impl Server {
    fn mount() -> Result<Self> {
        let device = File::options().read(true).write(true).open(DEVICE);
        let device = match device {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Err(Lacking::new("FUSE: no /dev/fuse", Errno::ENOENT).into());
            }
            other => other.context("cannot open /dev/fuse")?,
        };
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("f");
        fs::write(&file, "")?;
        let options = format!(
            "fd={},rootmode=100644,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        mount(
            Some("reapwatch-test"),
            &file,
            Some("fuse"),
            MsFlags::empty(),
            Some(&*options),
        )
        .context("cannot mount a FUSE file")?;
        Ok(Self {
            device,
            file,
            _folder: folder,
        })
    }

    /// Answers all requests until one is `awaited`, and returns that one unanswered.
    fn serve_until(&mut self, awaited: impl Fn(u32) -> bool) -> Result<Request> {
        loop {
            let request = self.next()?;
            if awaited(request.operation) {
                return Ok(request);
            }
            match request.operation {
                INIT => self.answer(&request, &init())?,
                GETATTR => self.answer(&request, &attributes())?,
                OPEN => self.answer(&request, &[0; 16])?,
                FLUSH | RELEASE => self.answer(&request, &[])?,
                FORGET | BATCH_FORGET | INTERRUPT => {}
                _ => self.send(&request, -libc::ENOSYS, &[])?,
            }
        }
    }

    fn next(&mut self) -> Result<Request> {
        let mut ready = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(PATIENCE).context("too long")?;
        ensure!(poll(&mut ready, patience)? == 1, "nobody uses the file");
        // The kernel wants 8 KiB and a whole write at least (`fuse_dev_do_read`).
        let mut bytes = [0; 16 << 10];
        let length = self.device.read(&mut bytes).context("read a request")?;
        ensure!(length >= 40, "a request without a head");
        Ok(Request {
            operation: u32::from_ne_bytes(bytes[4..8].try_into()?),
            unique: bytes[8..16].try_into()?,
        })
    }

    fn answer(&mut self, to: &Request, content: &[u8]) -> Result<()> {
        self.send(to, 0, content)
    }

    fn send(&mut self, to: &Request, error: i32, content: &[u8]) -> Result<()> {
        let length = 16 + content.len() as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(error.to_ne_bytes());
        bytes.extend(to.unique);
        bytes.extend(content);
        self.device.write_all(&bytes).context("answer a request")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the device.
        let _ = umount2(&self.file, MntFlags::MNT_DETACH);
    }
}

/// `struct fuse_init_out`: version 7.31, writes of a page, times in nanoseconds.
fn init() -> [u8; 64] {
    let mut out = [0; 64];
    out[0..4].copy_from_slice(&7_u32.to_ne_bytes());
    out[4..8].copy_from_slice(&31_u32.to_ne_bytes());
    out[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
    out[24..28].copy_from_slice(&1_u32.to_ne_bytes());
    out
}

/// `struct fuse_attr_out`: inode 1, an empty file of one link, valid for no time.
fn attributes() -> [u8; 104] {
    let mut out = [0; 104];
    out[16..24].copy_from_slice(&1_u64.to_ne_bytes());
    out[76..80].copy_from_slice(&0o100_644_u32.to_ne_bytes());
    out[80..84].copy_from_slice(&1_u32.to_ne_bytes());
    out
}

fn exited_well(death: &Death) -> Result<()> {
    let status = death.get(Slot::Status) as i32;
    ensure!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "it did not use its file: {status:#x}"
    );
    Ok(())
}
