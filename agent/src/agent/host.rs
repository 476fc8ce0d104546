//! Facts of this host that every answer names.

use std::fs;

/// Name of the host.
pub(crate) fn name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Release of its kernel.
pub(crate) fn kernel() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// Tasks on the host, as /proc/loadavg counts them: each holds a PID.
pub(super) fn pids_used() -> Option<u64> {
    let loadavg = fs::read_to_string("/proc/loadavg").ok()?;
    loadavg
        .split_whitespace()
        .nth(3)?
        .split_once('/')?
        .1
        .parse()
        .ok()
}

/// The most that may be: the smaller of pid_max and threads-max.
pub(super) fn pids_limit() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let pids = number("/proc/sys/kernel/pid_max");
    let threads = number("/proc/sys/kernel/threads-max");
    pids.into_iter().chain(threads).min()
}

/// Bytes of a page.
pub(super) fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
