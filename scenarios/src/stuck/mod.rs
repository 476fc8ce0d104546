//! Processes that were killed or exit but never finish, each for a different reason,
//! until stdin closes. What holds them is released when the scene is dropped, and
//! where this program is killed, by the kernel: helpers die with it.

mod core;
mod freezer;
mod fuse;
mod ignores;
mod namespace;
mod requests;
mod scene;
mod terminal;
mod tracer;

use std::io::Read;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::wait::waitpid;
use serde::{Deserialize, Serialize};

use crate::guard::Subreaper;

pub use self::core::{READER, read_nothing};
use self::scene::Made;

/// A process that does not die, and the truth about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// The scenario.
    pub name: String,
    /// The verdict that is true of it.
    pub verdict: String,
    /// The process that does not die; 0 if nothing was made.
    pub pid: u32,
    /// The process that holds it, such as a FUSE server or a tracer, or that waits for it.
    pub holder: Option<u32>,
    /// The FUSE connection that it waits for.
    pub connection: Option<u32>,
    /// Why it cannot be made here.
    pub skipped: Option<String>,
}

/// One way not to die.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The verdict that is true of it.
    pub verdict: &'static str,
    make: fn() -> Result<Made>,
}

/// All cases. A name need not be its verdict: several cases can share one.
pub const CASES: &[Case] = &[
    case("fuse_flush", "closing_files", fuse::flush_after_kill),
    case("fuse_flush_at_exit", "closing_files", fuse::flush_at_exit),
    case("fuse_flush_ignored", "closing_files", fuse::flush_ignored),
    case(
        "fuse_flush_in_namespace",
        "closing_files",
        fuse::flush_in_namespace,
    ),
    case("fuse_stopped", "closing_files", fuse::flush_to_stopped),
    case("fuse_unserved", "closing_files", fuse::flush_to_nobody),
    case("fuse_read", "unkillable_sleep", fuse::read),
    case(
        "fuse_read_in_thread",
        "unkillable_sleep",
        fuse::read_in_thread,
    ),
    case("fuse_io_uring", "io_uring_cancel", requests::io_uring),
    case("fuse_aio", "freeing_memory", requests::aio),
    case("terminal", "in_driver", terminal::hangs_up),
    case("exit_stop", "ptrace_exit_stop", tracer::sleeps),
    case("exit_stop_stopped", "ptrace_exit_stop", tracer::is_stopped),
    case("exit_stop_pipe", "ptrace_exit_stop", tracer::is_blocked),
    case("namespace_init", "waiting_for_namespace", namespace::init),
    case("killed_frozen", "killed_while_frozen", freezer::killed),
    case("ignores_term", "term_ignored", ignores::by_choice),
    case("init_ignores_term", "term_ignored", ignores::as_init),
    case("slow_core_reader", "dumping_core", core::slow_reader),
];

const fn case(name: &'static str, verdict: &'static str, make: fn() -> Result<Made>) -> Case {
    Case {
        name,
        verdict,
        make,
    }
}

/// The case called `name`.
pub fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

impl Case {
    /// Makes it, calls `ready`, keeps it until `until` ends, and releases it.
    ///
    /// # Errors
    /// If a system call or a helper process fails.
    pub fn keep(
        &self,
        ready: impl FnOnce(&Stuck) -> Result<()>,
        mut until: impl Read,
    ) -> Result<()> {
        let _all_come_back_here = Subreaper::new()?;
        let mut truth = Stuck {
            name: self.name.to_owned(),
            verdict: self.verdict.to_owned(),
            ..Stuck::default()
        };
        let scene = match (self.make)()? {
            Ok(scene) => scene,
            Err(why) => {
                truth.skipped = Some(why);
                return ready(&truth);
            }
        };
        truth.pid = scene.pid.as_raw() as u32;
        truth.holder = scene.holder.map(|pid| pid.as_raw() as u32);
        truth.connection = scene.connection;
        ready(&truth)?;
        until.read_to_end(&mut Vec::new()).context("cannot wait")?;
        drop(scene.guard);
        while waitpid(None, None) != Err(Errno::ECHILD) {}
        Ok(())
    }
}
