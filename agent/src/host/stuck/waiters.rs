//! Whether a process waits for another one to exit. I/O.

use std::fs;

use crate::host::parse;
use crate::host::proc;
use model::culprit::evidence::Awaited;

/// Threads and descriptors that are looked at.
const THREADS: usize = 64;
const DESCRIPTORS: usize = 1024;
/// Functions in which a thread waits for one of several descriptors.
const POLLS: [&str; 5] = [
    "do_poll",
    "do_sys_poll",
    "do_select",
    "ep_poll",
    "poll_schedule_timeout",
];

/// Whether `waiter` is in a call that would return when `pid` exits: a wait for any child or for this
/// one, or a poll while it has a pidfd of `pid`.
pub(super) fn waits(waiter: u32, pid: u32, is_parent: bool) -> bool {
    let mut polls = false;
    let status = proc::text(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers: Vec<u32> = parse::field(&status, "NSpid")
        .into_iter()
        .flat_map(|it| it.split_whitespace().filter_map(|it| it.parse().ok()))
        .collect();
    let own = proc::text(format!("/proc/{waiter}/status")).ok();
    let depth = own.and_then(|status| parse::own_number(&status));
    let number = depth.and_then(|(_, depth)| numbers.get(depth as usize));
    for tid in proc::threads(waiter, THREADS) {
        let read = |name: &str| proc::text(format!("/proc/{waiter}/task/{tid}/{name}")).ok();
        let awaited = read("syscall").and_then(|text| parse::awaited(&text));
        match awaited {
            Some(Awaited::Any | Awaited::Group(_)) if is_parent => return true,
            // The PID is one of the waiter's namespace.
            Some(Awaited::Process(one)) if is_parent && number == Some(&one) => return true,
            Some(Awaited::Pidfd) => polls = true,
            _ => {}
        }
        let wchan = read("wchan").unwrap_or_default();
        polls |= POLLS.iter().any(|name| wchan.starts_with(name));
    }
    polls && has_pidfd(waiter, pid)
}

/// Whether it has a pidfd of that process.
fn has_pidfd(owner: u32, pid: u32) -> bool {
    let root = format!("/proc/{owner}");
    let entries = fs::read_dir(format!("{root}/fd")).into_iter().flatten();
    let mut names = entries.flatten().take(DESCRIPTORS).filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        // `pidfd:[4242]` since pidfds have their own inodes (Linux 6.9).
        let target = target.to_str()?;
        let is_pidfd = target == "anon_inode:[pidfd]" || target.starts_with("pidfd:");
        is_pidfd.then(|| entry.file_name())
    });
    names.any(|name| {
        let info = proc::text(format!("{root}/fdinfo/{}", name.to_string_lossy())).ok();
        let info = info.unwrap_or_default();
        parse::field(&info, "Pid").and_then(|it| it.parse().ok()) == Some(pid)
    })
}
