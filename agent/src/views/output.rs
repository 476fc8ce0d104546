//! Standard output, which may be closed at any time.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use anyhow::Context as _;
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether stdout is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// As far as we know.
    There,
    /// The pipe is closed. Not an error, but more output is pointless.
    Gone,
}

/// Default width without a terminal.
const USUAL: usize = 100;

/// Width of the terminal. If stdout is a pipe, the one of stderr, since the pipe may be `head`.
pub fn width() -> usize {
    let columns = |size: rustix::termios::Winsize| usize::from(size.ws_col);
    let shown = tcgetwinsize(io::stdout()).map(columns);
    let behind = || tcgetwinsize(io::stderr()).map(|size| columns(size).min(USUAL));
    let known = shown.or_else(|_| behind()).ok();
    known.filter(|columns| *columns > 0).unwrap_or(USUAL)
}

/// Ctrl-C, or the signal that it sends.
pub struct Interrupt(Signal);

impl Interrupt {
    /// From now on it no longer ends the program.
    pub fn catch() -> anyhow::Result<Self> {
        let caught = signal(SignalKind::interrupt());
        Ok(Self(caught.context("cannot wait for SIGINT")?))
    }

    /// Resolves once it has been pressed. The terminal shows `^C`: what follows has a line of its own.
    pub async fn pressed(&mut self) {
        self.0.recv().await;
        let mut stderr = io::stderr();
        if stderr.is_terminal() {
            let _gone = writeln!(stderr);
        }
    }
}

/// Resolves after this time; never without one.
pub async fn deadline(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

/// Prints and flushes.
pub fn print(text: &str) -> anyhow::Result<Reader> {
    write(text.as_bytes())
}

/// The same of bytes, which are text but need not end with a whole character.
pub fn write(bytes: &[u8]) -> anyhow::Result<Reader> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to stdout")),
    }
}
