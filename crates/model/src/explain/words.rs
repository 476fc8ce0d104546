//! How processes, exit statuses and ages are written.

use crate::events::{ExitStatus, Process};
use crate::lifecycle::{DiedBound, Record};
use crate::signals;

pub(super) use crate::words::{count, span};

/// `worker (PID 42)`.
pub(super) fn named(process: &Process) -> String {
    format!("{} (PID {})", process.comm, process.key.tgid)
}

/// The same for a process that may be unknown.
pub(super) fn someone(process: Option<&Process>) -> String {
    process.map_or_else(|| "an unknown process".to_owned(), named)
}

/// Whether both are known to be the same process.
pub(super) fn same(one: Option<&Process>, other: Option<&Process>) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| one.key.is_roughly(other.key))
}

/// `it exited with code 3`, without the subject.
pub(super) fn ended(status: Option<ExitStatus>) -> String {
    match status {
        None => "ended".to_owned(),
        Some(ExitStatus::Exited(code)) => format!("exited with code {code}"),
        Some(ExitStatus::Killed(signal)) => format!("was killed by {}", signals::name(signal)),
        Some(ExitStatus::Dumped(signal)) => {
            format!("was killed by {} and dumped core", signals::name(signal))
        }
    }
}

/// How long it has been dead, as a bound if that is all that is known.
pub(super) fn dead_for(record: &Record, now_ns: u64) -> String {
    let least = match record.died.bound {
        DiedBound::NotAfter => "at least ",
        DiedBound::NotBefore => "at most ",
        DiedBound::Exact => "",
    };
    format!("{least}{}", span(now_ns.saturating_sub(record.died.at_ns)))
}
