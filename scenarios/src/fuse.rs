//! A minimal FUSE server with one empty file, which can delay its answers,
//! written by hand: <https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/fuse.h>.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tempfile::TempDir;

use crate::lacking::Lacking;

const FORGET: u32 = 2;
/// A request for the attributes of the file; answers are not cached for long.
pub(crate) const GETATTR: u32 = 3;
const OPEN: u32 = 14;
/// A read of the file.
pub(crate) const READ: u32 = 15;
const RELEASE: u32 = 18;
/// A request to write back cached data of the file.
pub(crate) const FSYNC: u32 = 20;
/// The close of a descriptor, also by an exit.
pub(crate) const FLUSH: u32 = 25;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

/// `FOPEN_DIRECT_IO`: a read waits for us, not for a page.
const DIRECT: u32 = 1;

/// Where the file is; what is mounted there goes with this.
#[derive(Debug)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    _folder: TempDir,
}

impl Place {
    /// A fresh one, where nothing is mounted yet.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("reapwatch-fuse")
            .tempdir()?;
        let file = folder.path().join("file");
        fs::write(&file, "")?;
        Ok(Self {
            file,
            _folder: folder,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match umount2(&self.file, MntFlags::MNT_DETACH) {
            // Nothing was mounted.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(error) => eprintln!("scenarios: {} stays: {error}", self.file.display()),
        }
    }
}

/// The server. The kernel aborts the connection when the last process that has this is gone,
/// so that nothing can be left waiting for it.
#[derive(Debug)]
pub(crate) struct Server {
    device: File,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    operation: u32,
    unique: [u8; 8],
}

impl Server {
    /// One that serves nothing yet; the error is [`Lacking`] where the kernel has no FUSE.
    pub(crate) fn new() -> Result<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        match device.as_ref().map_err(errno) {
            // Without its node, its driver, or the module that the node would load.
            Err(absent @ (Errno::ENOENT | Errno::ENODEV | Errno::ENXIO)) => {
                Err(Lacking::new("FUSE: no /dev/fuse", absent).into())
            }
            _ => Ok(Self {
                device: device.context("cannot open /dev/fuse")?,
            }),
        }
    }

    /// Mounts the file over this one.
    pub(crate) fn mount(&self, file: &Path) -> nix::Result<()> {
        let options = format!(
            "fd={},rootmode=100644,user_id=0,group_id=0",
            self.device.as_raw_fd()
        );
        mount(
            Some("reapwatch-test"),
            file,
            Some("fuse"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
    }

    /// Answers all requests until one is `awaited`, and returns that one unanswered; each must
    /// come within `patience`.
    pub(crate) fn serve_until(
        &mut self,
        patience: impl Into<PollTimeout>,
        awaited: impl Fn(u32) -> bool,
    ) -> Result<Request> {
        let patience = patience.into();
        loop {
            let request = self.next(patience)?;
            if awaited(request.operation) {
                return Ok(request);
            }
            self.answer(&request)?;
        }
    }

    fn next(&mut self, patience: PollTimeout) -> Result<Request> {
        let mut ready = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        ensure!(poll(&mut ready, patience)? == 1, "no process uses the file");
        // The kernel wants 8 KiB and a whole write at least (`fuse_dev_do_read`).
        let mut bytes = [0; 16 << 10];
        let length = self.device.read(&mut bytes).context("read a request")?;
        ensure!(length >= 40, "a request without a head");
        Ok(Request {
            operation: u32::from_ne_bytes(bytes[4..8].try_into()?),
            unique: bytes[8..16].try_into()?,
        })
    }

    /// What any file would answer.
    pub(crate) fn answer(&mut self, request: &Request) -> Result<()> {
        match request.operation {
            FORGET | BATCH_FORGET | INTERRUPT => Ok(()),
            INIT => self.send(request, 0, &init()),
            GETATTR => self.send(request, 0, &attributes()),
            OPEN => self.send(request, 0, &opened()),
            READ | FLUSH | RELEASE => self.send(request, 0, &[]),
            _ => self.send(request, -libc::ENOSYS, &[]),
        }
    }

    /// Leaves the connection without a server: its device is in a message that is never received,
    /// as long as both returned ends are open.
    pub(crate) fn abandon(&mut self) -> Result<(UnixStream, UnixStream)> {
        let ends = UnixStream::pair().context("cannot make a socket")?;
        send_descriptor(&self.device, &ends.0)?;
        self.device = File::open("/dev/null").context("cannot open /dev/null")?;
        Ok(ends)
    }

    fn send(&mut self, to: &Request, error: i32, content: &[u8]) -> Result<()> {
        let length = 16 + content.len() as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(error.to_ne_bytes());
        bytes.extend(to.unique);
        bytes.extend(content);
        match self.device.write_all(&bytes) {
            // The requester was interrupted.
            Err(error) if errno(&error) == Errno::ENOENT => Ok(()),
            sent => sent.context("answer a request"),
        }
    }
}

/// Sends a descriptor of the file: unix(7), `SCM_RIGHTS`.
fn send_descriptor(file: &File, over: &UnixStream) -> Result<()> {
    let descriptor = file.as_raw_fd();
    let mut byte = [0_u8];
    let mut content = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    // Aligned as its head has to be, and long enough for one descriptor.
    let mut control = [0_u64; 3];
    // SAFETY: all of it may be zero.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut content;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: head and descriptor fit into `control`, and all pointers outlive the call.
    let sent = unsafe {
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(size_of_val(&descriptor) as u32) as usize;
        libc::CMSG_DATA(head)
            .cast::<i32>()
            .write_unaligned(descriptor);
        libc::sendmsg(over.as_raw_fd(), &raw const message, 0)
    };
    Errno::result(sent).context("cannot send a descriptor")?;
    Ok(())
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// The number of the connection behind a mount; a look at the mount itself would need its server.
pub(crate) fn connection(file: &Path) -> Result<u32> {
    let text = crate::mounts("/proc/self/mountinfo")?;
    let minor = text.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let here = Path::new(words.get(4)?) == file;
        words
            .get(2)
            .filter(|_| here)?
            .split_once(':')?
            .1
            .parse()
            .ok()
    });
    minor.context("the mount is not listed")
}

/// `fuse_init_out`: version 7.31, writes of a page, times in nanoseconds.
fn init() -> [u8; 64] {
    let mut out = [0; 64];
    out[0..4].copy_from_slice(&7_u32.to_ne_bytes());
    out[4..8].copy_from_slice(&31_u32.to_ne_bytes());
    out[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
    out[24..28].copy_from_slice(&1_u32.to_ne_bytes());
    out
}

/// `fuse_attr_out`: inode 1, a file with one link and a size of one page, not cached.
fn attributes() -> [u8; 104] {
    let mut out = [0; 104];
    out[16..24].copy_from_slice(&1_u64.to_ne_bytes());
    out[24..32].copy_from_slice(&4096_u64.to_ne_bytes());
    out[76..80].copy_from_slice(&0o100_644_u32.to_ne_bytes());
    out[80..84].copy_from_slice(&1_u32.to_ne_bytes());
    out
}

/// `fuse_open_out`.
fn opened() -> [u8; 16] {
    let mut out = [0; 16];
    out[8..12].copy_from_slice(&DIRECT.to_ne_bytes());
    out
}
