//! How durations, numbers and processes are written in verdicts and explanations.

/// `12s`, `4m30s`, `3h`, as in the views.
pub(crate) fn span(ns: u64) -> String {
    match ns / 1_000_000_000 {
        0 => "less than 1s".to_owned(),
        seconds => api::in_two_units(seconds),
    }
}

/// `1 zombie`, `2 zombies`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `app (PID 42)`, of any process.
pub(crate) fn named(pid: u32, comm: &str) -> String {
    let comm = if comm.is_empty() { "?" } else { comm };
    format!("{comm} (PID {pid})")
}
