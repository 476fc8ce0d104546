//! ^C: whoever waits ends with an error, so that all is cleared up on the way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};

static STOPPED: AtomicBool = AtomicBool::new(false);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Takes the signals that end a program, from here on. To be called while there is one thread.
pub(super) fn take_signals() -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    // Programs that we start have none blocked: the standard library sees to it.
    signals.thread_block().context("block signals")?;
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            eprintln!("xtask: {signal}, clearing up");
            STOPPED.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Fails once such a signal has come.
pub(super) fn check() -> Result<()> {
    if STOPPED.load(Ordering::Relaxed) {
        bail!("stopped by a signal");
    }
    Ok(())
}

/// Asks again and again until there is an answer; `what` is waited for in words.
pub(super) fn until<T>(
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
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}
