//! Users of a FUSE file whose server leaves one kind of request without an answer.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::PollTimeout;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::Pid;

use super::scene::{Made, Scene};
use crate::fuse::{FLUSH, Place, READ, Request, Server, connection};
use crate::guard::Sigchld;
use crate::helpers::{Helper, child, sleep_for_ever};
use crate::lacking::Lacking;
use crate::slots::{Slot, Slots};

/// The place in [`Slot::Ready`] of a server that could not mount: an error number follows.
const REFUSED: u64 = 1 << 32;

/// A mounted file and its server, which ends when dropped, and the file goes after it.
pub(super) struct Fuse {
    server: Helper,
    place: Place,
    connection: u32,
    pub(super) slots: Slots,
}

impl Fuse {
    /// In a mount namespace of this process; requests of the kind `silent` get no answer.
    pub(super) fn mount(silent: u32) -> Result<Result<Self, String>> {
        Self::mount_with(silent, |_, _| Ok(()))
    }

    /// The same; `then` is what the server does with each such request.
    fn mount_with(
        silent: u32,
        then: fn(&mut Server, &Request) -> Result<()>,
    ) -> Result<Result<Self, String>> {
        let mut server = match Server::new() {
            Ok(server) => server,
            Err(error) => return Ok(Err(error.downcast::<Lacking>()?.to_string())),
        };
        unshare(CloneFlags::CLONE_NEWNS).context("cannot leave the mount namespace")?;
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .context("cannot keep mounts private")?;
        leave_other_mounts()?;
        let slots = Slots::new()?;
        let place = Place::new()?;
        let helper = Helper(child(|| {
            let mounted = server.mount(&place.file);
            slots.set(
                Slot::Ready,
                mounted.map_or_else(|error| REFUSED | error as u64, |()| 1),
            );
            mounted.context("cannot mount")?;
            loop {
                let request =
                    server.serve_until(PollTimeout::NONE, |operation| operation == silent)?;
                slots.set(Slot::Go, 1);
                then(&mut server, &request)?;
            }
        })?);
        // Its death ends the connection only if no other process has it open.
        drop(server);
        let ready = slots.wait(Slot::Ready)?;
        if ready & REFUSED != 0 {
            return Ok(Err(format!("no FUSE: {}", Errno::from_raw(ready as i32))));
        }
        let connection = connection(&place.file)?;
        Ok(Ok(Self {
            server: helper,
            place,
            connection,
            slots,
        }))
    }

    pub(super) fn file(&self) -> &Path {
        &self.place.file
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

/// Without the FUSE mounts of the host, of which any could be meant; others keep them.
fn leave_other_mounts() -> Result<()> {
    let mounts = crate::mounts("/proc/self/mounts")?;
    for line in mounts.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if words[2].starts_with("fuse") && words[2] != "fusectl" {
            let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
            umount2(words[1], flags).with_context(|| format!("cannot leave {}", words[1]))?;
        }
    }
    Ok(())
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
    flush_after_kill_to(|_, _| Ok(()))
}

/// The same; `then` is what the server does about the flush.
fn flush_after_kill_to(then: fn(&mut Server, &Request) -> Result<()>) -> Result<Made> {
    let fuse = match Fuse::mount_with(FLUSH, then)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    flush_of(
        fuse,
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

/// The same; the server stops before it answers.
pub(super) fn flush_to_stopped() -> Result<Made> {
    flush_after_kill_to(|server, request| {
        raise(Signal::SIGSTOP).context("cannot stop")?;
        server.answer(request)
    })
}

/// The same; the server abandons the connection, which stays.
pub(super) fn flush_to_nobody() -> Result<Made> {
    let made = flush_after_kill_to(|server, _| {
        let _stays = server.abandon()?;
        sleep_for_ever()
    })?;
    Ok(made.map(|scene| Scene {
        holder: None,
        ..scene
    }))
}

/// The same at an exit of its own.
pub(super) fn flush_at_exit() -> Result<Made> {
    let fuse = match Fuse::mount(FLUSH)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    flush_of(fuse, |_| Ok(()), |_, _| Ok(()))
}

fn flush_of(
    fuse: Fuse,
    body: fn(&Slots) -> Result<()>,
    then: fn(Pid, &Slots) -> Result<()>,
) -> Result<Made> {
    let pid = child(|| {
        open(fuse.file())?;
        body(&fuse.slots)
    })?;
    then(pid, &fuse.slots)?;
    fuse.slots.wait(Slot::Go)?;
    Ok(Ok(fuse.scene(pid)))
}

/// The same as a child of a parent that ignores SIGCHLD: no signal is sent at its end.
pub(super) fn flush_ignored() -> Result<Made> {
    flush_below(|fuse| {
        let _no_zombies = Sigchld::ignore()?;
        child(|| {
            fuse.slots.publish_pid();
            open(fuse.file())
        })?;
        sleep_for_ever()
    })
}

/// Killed with the rest of its PID namespace, whose init is dying and so ignores SIGCHLD.
pub(super) fn flush_in_namespace() -> Result<Made> {
    flush_below(|fuse| {
        unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
        let init = child(|| {
            child(|| {
                open(fuse.file())?;
                fuse.slots.publish_pid();
                sleep_for_ever()
            })?;
            sleep_for_ever()
        })?;
        fuse.slots.wait(Slot::Pid)?;
        kill(init, Signal::SIGKILL).context("cannot kill")?;
        sleep_for_ever()
    })
}

/// The truth of a descendant of `parent`, which publishes its PID.
fn flush_below(parent: fn(&Fuse) -> Result<()>) -> Result<Made> {
    let fuse = match Fuse::mount(FLUSH)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    let parent = Helper(child(|| parent(&fuse))?);
    let pid = Pid::from_raw(fuse.slots.wait(Slot::Pid)? as i32);
    fuse.slots.wait(Slot::Go)?;
    let scene = fuse.scene(pid);
    // The parent stays until the file has been released.
    Ok(Ok(Scene {
        guard: Box::new((scene.guard, parent)),
        ..scene
    }))
}

/// Killed inside a read that gets no answer.
pub(super) fn read() -> Result<Made> {
    killed_during(READ, |path| {
        File::open(path)?
            .read_exact(&mut [0; 1])
            .context("cannot read")
    })
}

/// The same in a thread beside the main one, which dies.
pub(super) fn read_in_thread() -> Result<Made> {
    killed_during(READ, |path| {
        let path = path.to_owned();
        std::thread::spawn(move || File::open(path)?.read_exact(&mut [0; 1]));
        sleep_for_ever()
    })
}

/// Killed once the server has the request of the kind `silent` that `body` makes.
pub(super) fn killed_during(silent: u32, body: fn(&Path) -> Result<()>) -> Result<Made> {
    let fuse = match Fuse::mount(silent)? {
        Ok(fuse) => fuse,
        Err(why) => return Ok(Err(why)),
    };
    let pid = child(|| body(fuse.file()))?;
    // Once the server has it, no signal takes the request back.
    fuse.slots.wait(Slot::Go)?;
    kill(pid, Signal::SIGKILL).context("cannot kill")?;
    Ok(Ok(fuse.scene(pid)))
}
