//! A core dump that a program takes, as systemd-coredump does.

use std::env::{self, current_exe};
use std::io::{copy, sink, stdin};
use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::tempdir;

use super::fatal;
use crate::clock::pause;
use crate::guard::CorePattern;
use crate::lacking::Lacking;
use crate::truth::{Exit, Truth};

/// Set on machines where nothing else runs, so that their global settings may be changed.
pub const OWN_MACHINE: &str = "REAPWATCH_TEST_OWN_MACHINE";
/// The argument that makes this program the one that takes a core dump.
pub const TAKE_CORE: &str = "take-core";
/// How long that program delays the dying process.
const SLOW: Duration = Duration::from_millis(50);

/// Aborts; the dump goes to a slow program that the kernel starts.
///
/// # Errors
/// If a system call or a helper process fails, or the machine must not be changed.
pub fn dumped() -> Result<Vec<Truth>> {
    if env::var_os(OWN_MACHINE).is_none() {
        bail!(Lacking::because(
            "a machine of its own: core_pattern is everybody's"
        ));
    }
    // The pattern has room for 127 bytes only.
    let folder = tempdir()?;
    let program = folder.path().join("core");
    symlink(current_exe().context("find this program")?, &program)?;
    let _guard = CorePattern::set(&format!("|{} {TAKE_CORE}", program.display()))?;
    let truths = fatal::dump(c"rw-dump-pipe")?;
    let dumped = Exit::Dumped {
        signal: libc::SIGABRT as u8,
    };
    ensure!(truths[0].exit == dumped, "{:?}", truths[0].exit);
    Ok(truths)
}

/// The program that takes the dump.
///
/// # Errors
/// If it cannot read.
pub fn take() -> Result<()> {
    pause(SLOW);
    copy(&mut stdin(), &mut sink()).context("read the core")?;
    Ok(())
}
