//! What the containers of a pod do, the first process of each being PID 1 or started by exec.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::wait::waitpid;

use crate::culprits::{child, companion, orphans, sleep_for_ever};

/// Time between the deaths of the orphans of a leak.
const LEAK_EVERY: Duration = Duration::from_millis(250);

/// Runs one of the parts, most of which never end.
///
/// # Errors
/// If there is no such part, or a system call fails.
pub fn run(part: &str) -> Result<()> {
    match part {
        // Keeps the namespaces of a pod, and waits for no child.
        "pause" => {
            prctl::set_name(c"pause").context("cannot take a name")?;
            sleep_for_ever()
        }
        // An application that waits for its one worker only.
        "app" => {
            let worker = companion()?;
            loop {
                waitpid(worker, None).context("cannot wait")?;
            }
        }
        // An application whose scripts leave an orphan each.
        "leaky" => {
            prctl::set_name(c"leaky").context("cannot take a name")?;
            loop {
                let script = child(|| orphan(c"leaky-script"))?;
                waitpid(script, None).context("cannot wait for the script")?;
                sleep(LEAK_EVERY);
            }
        }
        // A probe, which ends at once.
        "probe" => orphans(c"probe"),
        // One of several in a PID namespace, whose orphans go to the pod's init.
        "sidecar" => {
            waitpid(child(|| orphans(c"sidecar"))?, None).context("cannot wait")?;
            sleep_for_ever()
        }
        _ => bail!("no part `{part}`"),
    }
}

fn orphan(name: &std::ffi::CStr) -> Result<()> {
    prctl::set_name(name).context("cannot take a name")?;
    // SAFETY: this program has one thread; the child sleeps and ends.
    if unsafe { libc::fork() } == 0 {
        sleep(Duration::from_millis(50));
        // SAFETY: as above.
        unsafe { libc::_exit(0) }
    }
    Ok(())
}
