//! How durations, numbers and processes are written in verdicts and explanations.

/// `4m`, `12s`, `3h`: the largest unit that fits.
pub(crate) fn span(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 => "less than 1s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
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
