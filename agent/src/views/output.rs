//! Standard output, which may be closed at any time.

use std::io::{self, Write};
use std::time::Duration;

use rustix::termios::tcgetwinsize;

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
