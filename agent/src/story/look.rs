//! Reads what /proc says of a number, within a time limit. I/O, done off the loop.

use std::fs;
use std::time::{Duration, Instant};

use super::Seen;
use crate::events::{Key, Process};
use crate::evidence::{Sigchld, parse};
use crate::kernel;
use crate::proc::{self, comm};

/// How long the search for namesakes may take.
const PATIENCE: Duration = Duration::from_millis(300);
/// As many namesakes are told of.
const NAMESAKES: usize = 8;
/// In the flags of `proc_pid_stat(5)`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What is there under this number now.
pub fn at(pid: u32) -> Seen {
    let seen = match status(pid) {
        Some(status) => shown(pid, &status),
        None => elsewhere(pid, Seen::default()),
    };
    let pid_max = proc::text("/proc/sys/kernel/pid_max").ok();
    Seen {
        pid_max: pid_max.and_then(|text| text.trim().parse().ok()),
        ..seen
    }
}

fn shown(pid: u32, status: &str) -> Seen {
    let number = |name: &str| parse::field(status, name)?.parse::<u32>().ok();
    if let Some(tgid) = number("Tgid").filter(|&tgid| tgid != pid) {
        let thread_of = comm(tgid).map(|comm| (tgid, comm));
        let seen = Seen {
            thread_of,
            ..Seen::default()
        };
        return elsewhere(pid, seen);
    }
    if is_kernel_thread(pid) {
        let seen = Seen {
            kernel_thread: comm(pid),
            ..Seen::default()
        };
        return elsewhere(pid, seen);
    }
    let process = kernel::start_ns(pid).zip(comm(pid));
    let process = process.map(|(start_ns, comm)| Process {
        key: Key {
            tgid: pid,
            start_ns,
        },
        tid: pid,
        comm,
    });
    Seen {
        process: process.filter(|_| parse::state(status) != Some('Z')),
        threads: number("Threads"),
        sigchld: parse::sigchld(status).map(|sigchld| Sigchld {
            // Shells block it while they wait for a command, to no harm.
            blocked_in: sigchld.blocked_in * u32::from(!waits(pid)),
            ..sigchld
        }),
        withheld: parse::withheld(status),
        state: parse::state(status),
        ..Seen::default()
    }
}

/// The number is that of no program here, and may be meant as that of a namespace.
fn elsewhere(pid: u32, seen: Seen) -> Seen {
    Seen {
        namesakes: namesakes(pid),
        ..seen
    }
}

fn status(pid: u32) -> Option<String> {
    proc::text(format!("/proc/{pid}/status")).ok()
}

/// Whether its main thread is in a wait call.
fn waits(pid: u32) -> bool {
    proc::text(format!("/proc/{pid}/wchan")).is_ok_and(|wchan| wchan.trim() == "do_wait")
}

fn is_kernel_thread(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The flags are field 9 of the manual, and the state is field 3.
    let fields = proc::split_stat(&stat).map(|(_, fields)| fields);
    let flags = fields.and_then(|fields| fields.get(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// Processes that have the number inside a PID namespace.
fn namesakes(pid: u32) -> Vec<(u32, String)> {
    let until = Instant::now() + PATIENCE;
    let hosts = proc::numbers("/proc").into_iter().flatten();
    let in_time = hosts.take_while(|_| Instant::now() < until);
    let hits = in_time.filter_map(|host| {
        let (own, depth) = parse::own_number(&status(host)?)?;
        (own == pid && depth > 0).then_some(host)
    });
    hits.filter_map(|host| Some((host, comm(host)?)))
        .take(NAMESAKES)
        .collect()
}
