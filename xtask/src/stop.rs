//! ^C: waiting ends with an error, so that everything is cleaned up on return.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static STOPPED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Handles the signals that end a program from now on. Handlers, unlike a mask, are not inherited by
/// the programs that we start.
pub(crate) fn take_signals() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&STOPPED)).context("handle signals")?;
    }
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
