//! What a command says beside its answer. Whoever reads stderr may be gone, as with a terminal
//! that was closed: that is no reason to break off, as `eprintln!` would.

use std::{
    fmt::Display,
    io::{Write as _, stderr},
};

/// One line on stderr.
pub fn say(text: impl Display) {
    let _gone = writeln!(stderr(), "reapwatch: {text}");
}
