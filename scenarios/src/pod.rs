//! What the containers of a pod do, the first process of each being PID 1 or started by exec.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::poll::PollTimeout;
use nix::sys::prctl;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use crate::fuse::{FLUSH, Server};
use crate::helpers::{child, companion, orphans, sleep_for_ever};

/// Time between the deaths of the orphans of a leak.
const LEAK_EVERY: Duration = Duration::from_millis(250);
const SCRIPT_LIVES: Duration = Duration::from_millis(50);
/// Longer than the timeout of the probe.
const PROBE_HELPER_LIVES: Duration = Duration::from_secs(3);
/// How many workers a job has, one after the other.
const BATCH: u32 = 20;
const BATCH_WORKER_LIVES: Duration = Duration::from_millis(100);
/// Where the volume is mounted in its driver and its user.
const VOLUME: &str = "/volume";

/// Runs one of the parts, most of which never end.
///
/// # Errors
/// If there is no such part, or a system call fails.
#[expect(clippy::too_many_lines, reason = "one arm for each part")]
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
                let script = child(|| orphan(c"leaky-script", SCRIPT_LIVES))?;
                waitpid(script, None).context("cannot wait for the script")?;
                sleep(LEAK_EVERY);
            }
        }
        // A probe, which ends at once.
        "probe" => orphans(c"probe"),
        // A probe that hangs until it is killed, beside its helper, which ends by itself.
        "hanging-probe" => {
            orphan(c"probe-helper", PROBE_HELPER_LIVES)?;
            sleep_for_ever()
        }
        // A start script that leaves helpers running and becomes the application.
        "entrypoint" => {
            orphans(c"entrypoint")?;
            let program = std::env::current_exe().context("cannot find this program")?;
            Err(Command::new(program).args(["pod", "app"]).exec()).context("cannot exec")
        }
        // A job: it waits for each of its workers and ends.
        "batch" => {
            for _ in 0..BATCH {
                let worker = child(|| {
                    sleep(BATCH_WORKER_LIVES);
                    Ok(())
                })?;
                waitpid(worker, None).context("cannot wait for the worker")?;
            }
            Ok(())
        }
        // One that leaks until it may not have more processes, and then tries again for ever.
        "full" => {
            prctl::set_name(c"full").context("cannot take a name")?;
            loop {
                if orphan(c"full", Duration::ZERO).is_err() {
                    sleep(Duration::from_secs(1));
                }
            }
        }
        // A driver of volumes, which never answers a flush.
        "storage" => {
            let file = Path::new(VOLUME).join("file");
            std::fs::write(&file, "").context("cannot make the file")?;
            let mut server = Server::new()?;
            server.mount(&file).context("cannot mount the volume")?;
            loop {
                server.serve_until(PollTimeout::NONE, |operation| operation == FLUSH)?;
            }
        }
        // A user of that volume.
        "client" => {
            let file = Path::new(VOLUME).join("file");
            // Mounted once it has a size.
            while std::fs::metadata(&file).map_or(0, |data| data.len()) == 0 {
                sleep(Duration::from_millis(100));
            }
            let _open = File::open(file).context("cannot open the file of the volume")?;
            sleep_for_ever()
        }
        // One of several in a PID namespace, whose orphans go to the pod's init.
        "sidecar" => {
            waitpid(child(|| orphans(c"sidecar"))?, None).context("cannot wait")?;
            sleep_for_ever()
        }
        _ => bail!("no part `{part}`"),
    }
}

/// A child that ends after this time, whether its parent is still there or not.
fn orphan(name: &std::ffi::CStr, lives: Duration) -> Result<()> {
    prctl::set_name(name).context("cannot take a name")?;
    // SAFETY: this program has one thread; the child sleeps and ends.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => {
            sleep(lives);
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
    }
}
