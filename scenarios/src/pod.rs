//! What the containers of a pod do, the first process of each being PID 1 or started by exec.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::wait::waitpid;

use crate::culprits::{child, companion, orphans, sleep_for_ever};

/// How long after another the orphans of a leak die.
const LEAK_EVERY: Duration = Duration::from_millis(250);

/// Does as one of the parts, most of which never end.
///
/// # Errors
/// When there is no such part, or the kernel did not do its own.
pub fn play(part: &str) -> Result<()> {
    match part {
        // What keeps the namespaces of a pod, and waits for nobody.
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
        // One whose scripts leave an orphan each.
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
        // One beside others in a PID namespace, whose orphans are the pod's.
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
