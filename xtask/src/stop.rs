//! ^C: waiting ends with an error, so that everything is cleaned up on return.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};

static STOPPED: AtomicBool = AtomicBool::new(false);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Handles the signals that end a program from now on. Call it while there is one thread.
pub(crate) fn take_signals() -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    // The standard library unblocks them in the programs that we start.
    signals.thread_block().context("block signals")?;
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            eprintln!("xtask: {signal}, cleaning up");
            STOPPED.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Fails once such a signal has arrived.
pub(crate) fn check() -> Result<()> {
    if STOPPED.load(Ordering::Relaxed) {
        bail!("stopped by a signal");
    }
    Ok(())
}

/// Repeats a question until there is an answer; `what` describes it.
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        check()?;
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}", patience.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}
