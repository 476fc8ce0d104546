//! Messages on stderr. Unlike `eprintln!`, this does not panic if stderr is closed, as when a
//! terminal was closed.

use std::{
    fmt::Display,
    io::{Write as _, stderr},
};

/// Prints one line on stderr.
pub fn eprint_line(text: impl Display) {
    let _gone = writeln!(stderr(), "reapwatch: {text}");
}
