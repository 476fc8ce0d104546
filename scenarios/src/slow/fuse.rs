//! Users of a FUSE file whose server answers late.

use std::fs::File;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::poll::PollTimeout;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::fuse::{FLUSH, GETATTR, Place, Request, Server};
use crate::slots::Slot;
use crate::wait::{By, leader_ended};

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted file and its server, which is this process.
struct Fuse {
    server: Server,
    place: Place,
}

impl Fuse {
    fn mount() -> Result<Self> {
        let server = Server::new()?;
        let place = Place::new()?;
        server
            .mount(&place.file)
            .context("cannot mount a FUSE file")?;
        Ok(Self { server, place })
    }

    fn serve_until(&mut self, awaited: impl Fn(u32) -> bool) -> Result<Request> {
        let patience = PollTimeout::try_from(PATIENCE).context("too long")?;
        self.server.serve_until(patience, awaited)
    }
}

/// It has a file open whose flush is answered late.
pub(super) fn slow_flush(death: &Death, held_up: Duration) -> Result<()> {
    let mut fuse = Fuse::mount()?;
    let pid = death.fork(|| match File::open(&fuse.place.file) {
        // The exit closes it.
        Ok(open) => {
            std::mem::forget(open);
            0
        }
        Err(_) => FAILED,
    })?;
    let flush = fuse.serve_until(|operation| operation == FLUSH)?;
    pause(held_up);
    fuse.server.answer(&flush)?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)?;
    exited_well(death)
}

/// Its main thread exits while the other one is in a system call that only an answer ends.
pub(super) fn stuck_sibling(death: &Death, held_up: Duration) -> Result<()> {
    let mut fuse = Fuse::mount()?;
    let pid = death.fork(|| {
        let Ok(open) = File::open(&fuse.place.file) else {
            return FAILED;
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                death.set(Slot::Go, 1);
                drop(open.metadata());
            });
            let code = i32::from(death.wait(Slot::Extra).is_err());
            // SAFETY: the other thread must stay in its system call.
            unsafe { libc::_exit(code) }
        })
    })?;
    let question =
        fuse.serve_until(|operation| operation == GETATTR && death.get(Slot::Go) != 0)?;
    death.set(Slot::Extra, 1);
    leader_ended(pid)?;
    pause(held_up);
    fuse.server.answer(&question)?;
    // Its exit continues, and closes the file.
    let flush = fuse.serve_until(|operation| operation == FLUSH)?;
    fuse.server.answer(&flush)?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)?;
    exited_well(death)
}

fn exited_well(death: &Death) -> Result<()> {
    let status = death.get(Slot::Status) as i32;
    ensure!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "it did not use its file: {status:#x}"
    );
    Ok(())
}
