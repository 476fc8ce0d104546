//! Standard output, whose reader may leave at any time.

use std::io::{self, Write};

use rustix::termios::tcgetwinsize;

/// Whether anybody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// As far as one can know.
    There,
    /// The pipe is closed: more output is pointless, and no error.
    Gone,
}

/// Columns that read well where no terminal says how many it has.
const USUAL: usize = 100;

/// Columns of the terminal; of the one behind stderr where stdout is a pipe, into `head` maybe.
pub fn width() -> usize {
    let columns = |size: rustix::termios::Winsize| usize::from(size.ws_col);
    let shown = tcgetwinsize(io::stdout()).map(columns);
    let behind = || tcgetwinsize(io::stderr()).map(|size| columns(size).min(USUAL));
    let known = shown.or_else(|_| behind()).ok();
    known.filter(|columns| *columns > 0).unwrap_or(USUAL)
}

/// Prints and flushes.
pub fn print(text: &str) -> anyhow::Result<Reader> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to stdout")),
    }
}
