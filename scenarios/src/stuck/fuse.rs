//! Users of a FUSE file whose server leaves one kind of request without an answer.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::{self, FLUSH, READ};
use super::{Helper, Made, Scene};
use crate::culprits::{child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// The place in [`Slot::Ready`] of a server that could not mount: an error number follows.
const REFUSED: u64 = 1 << 32;

/// A mounted file system and its server, which ends when dropped: the kernel aborts a connection
/// that nobody serves, so that nothing can be left waiting for it.
pub(super) struct Fuse {
    server: Helper,
    folder: PathBuf,
    connection: u32,
    pub(super) slots: Slots,
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let _gone = kill(self.server.0, Signal::SIGKILL);
        let unmounted = umount2(&self.folder, MntFlags::MNT_DETACH);
        if unmounted.is_err() || fs::remove_dir(&self.folder).is_err() {
            eprintln!("scenarios: {} stays", self.folder.display());
        }
    }
}

impl Fuse {
    /// In a mount namespace of this process; requests of the kind `silent` get no answer.
    pub(super) fn mount(silent: u32) -> Result<Result<Self, String>> {
        match File::open("/dev/fuse") {
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(Err(format!("no FUSE: {error}"))),
            Err(error) => return Err(error).context("cannot open /dev/fuse"),
        }
        unshare(CloneFlags::CLONE_NEWNS).context("cannot leave the mount namespace")?;
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .context("cannot keep mounts private")?;
        let slots = Slots::new()?;
        let folder = tempfile::Builder::new()
            .prefix("reapwatch-fuse")
            .tempdir()?
            .keep();
        let server = Helper(child(|| {
            let device = File::options().read(true).write(true).open("/dev/fuse");
            let device = device.context("cannot open /dev/fuse")?;
            let options = format!(
                "fd={},rootmode=40000,user_id=0,group_id=0",
                device.as_raw_fd()
            );
            let mounted = mount(
                Some("rw-silent"),
                &folder,
                Some("fuse"),
                MsFlags::empty(),
                Some(options.as_str()),
            );
            slots.set(
                Slot::Ready,
                mounted.map_or_else(|error| REFUSED | error as u64, |()| 1),
            );
            mounted.context("cannot mount")?;
            server::serve(device, silent, &slots).map(drop)
        })?);
        let ready = slots.wait(Slot::Ready)?;
        if ready & REFUSED != 0 {
            let _absent = fs::remove_dir(&folder);
            return Ok(Err(format!("no FUSE: {}", Errno::from_raw(ready as i32))));
        }
        let connection = connection(&folder)?;
        Ok(Ok(Self {
            server,
            folder,
            connection,
            slots,
        }))
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("file")
    }

    /// The scene of a process that waits for this server.
    pub(super) fn scene(self, pid: Pid) -> Scene {
        Scene {
            pid,
            holder: Some(self.server.0),
            connection: Some(self.connection),
            guard: Box::new(self),
        }
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || [libc::ENODEV, libc::ENXIO]
            .map(Some)
            .contains(&error.raw_os_error())
}

/// The number of the connection behind a mount; a look at the mount itself would need its server.
fn connection(folder: &Path) -> Result<u32> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("cannot read mounts")?;
    let minor = text.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let here = Path::new(words.get(4)?) == folder;
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

/// Opens the file without a descriptor that anything here would close.
fn open(path: &Path) -> Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path ends with NUL.
    Errno::result(unsafe { libc::open(path.as_ptr(), libc::O_RDWR) })
        .context("cannot open the file")?;
    Ok(())
}

/// Killed while it has the file open: the flush at its exit gets no answer.
pub(super) fn flush_after_kill() -> Result<Made> {
    flush(
        |slots| {
            slots.set(Slot::Extra, 1);
            sleep_for_ever()
        },
        |pid, slots| {
            slots.wait(Slot::Extra)?;
            kill(pid, Signal::SIGKILL).context("cannot kill")
        },
    )
}

/// The same at an exit of its own.
pub(super) fn flush_at_exit() -> Result<Made> {
    flush(|_| Ok(()), |_, _| Ok(()))
}

fn flush(body: fn(&Slots) -> Result<()>, then: fn(Pid, &Slots) -> Result<()>) -> Result<Made> {
    let fuse = match Fuse::mount(FLUSH)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    let pid = child(|| {
        open(&fuse.file())?;
        body(&fuse.slots)
    })?;
    then(pid, &fuse.slots)?;
    fuse.slots.wait(Slot::Go)?;
    Ok(Ok(fuse.scene(pid)))
}

/// Killed inside a read that gets no answer.
pub(super) fn read() -> Result<Made> {
    killed_in_read(|path| {
        File::open(path)?
            .read_exact(&mut [0; 1])
            .context("cannot read")
    })
}

/// The same in a thread beside the main one, which dies.
pub(super) fn read_in_thread() -> Result<Made> {
    killed_in_read(|path| {
        let path = path.to_owned();
        std::thread::spawn(move || File::open(path)?.read_exact(&mut [0; 1]));
        sleep_for_ever()
    })
}

fn killed_in_read(body: fn(&Path) -> Result<()>) -> Result<Made> {
    let fuse = match Fuse::mount(READ)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    let pid = child(|| body(&fuse.file()))?;
    // Once the server has it, no signal takes the request back.
    fuse.slots.wait(Slot::Go)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(fuse.scene(pid)))
}
