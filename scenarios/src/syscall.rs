//! System calls that this program makes by hand.

use std::io::{Error, ErrorKind};

use anyhow::{Result, ensure};

/// Turns "interrupted" into another try and any other error into `Err`.
pub(crate) fn retry(mut call: impl FnMut() -> libc::c_long) -> std::io::Result<libc::c_long> {
    loop {
        match call() {
            -1 => match Error::last_os_error() {
                error if error.kind() == ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            result => return Ok(result),
        }
    }
}

/// The result, unless it is negative.
pub(crate) fn checked(result: i64, what: &'static str) -> Result<i64> {
    ensure!(result >= 0, "{what}: {}", Error::last_os_error());
    Ok(result)
}
