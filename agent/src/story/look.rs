//! Reads what /proc says of a number, within a time limit. I/O, done off the loop.

use std::fs;
use std::time::{Duration, Instant};

use super::Seen;
use crate::events::{Key, Process};
use crate::evidence::parse;
use crate::kernel;

/// How long the search for namesakes may take.
const PATIENCE: Duration = Duration::from_millis(300);
/// As many namesakes are told of.
const NAMESAKES: usize = 8;
/// In the flags of `proc_pid_stat(5)`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What is there under this number now.
pub fn at(pid: u32) -> Seen {
    let pid_max = fs::read_to_string("/proc/sys/kernel/pid_max").ok();
    let mut seen = Seen {
        pid_max: pid_max.and_then(|text| text.trim().parse().ok()),
        ..Seen::default()
    };
    let status = status(pid);
    let number = |name: &str| parse::field(status.as_deref()?, name)?.parse::<u32>().ok();
    match number("Tgid") {
        Some(tgid) if tgid != pid => seen.thread_of = comm(tgid).map(|comm| (tgid, comm)),
        Some(_) => {
            let lives = status.as_deref().and_then(parse::state) != Some('Z');
            let process = kernel::start_ns(pid).zip(comm(pid));
            let process = process.map(|(start_ns, comm)| Process {
                key: Key {
                    tgid: pid,
                    start_ns,
                },
                tid: pid,
                comm,
            });
            seen.threads = number("Threads");
            if is_kernel_thread(pid) {
                seen.kernel_thread = process.map(|process| process.comm);
            } else {
                seen.process = process.filter(|_| lives);
            }
        }
        None => {}
    }
    if seen.process.is_none() {
        seen.namesakes = namesakes(pid);
    }
    seen
}

fn status(pid: u32) -> Option<String> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    Some(String::from_utf8_lossy(&status).into_owned())
}

fn comm(pid: u32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}

fn is_kernel_thread(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    // The name may hold anything, so it ends at the last parenthesis; the flags are field 9.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let flags = rest
        .split(' ')
        .nth(6)
        .and_then(|text| text.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// Processes that have the number inside a PID namespace.
fn namesakes(pid: u32) -> Vec<(u32, String)> {
    let until = Instant::now() + PATIENCE;
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let hosts = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let in_time = hosts.take_while(|_| Instant::now() < until);
    let hits = in_time.filter_map(|host| {
        let (own, depth) = parse::own_number(&status(host)?)?;
        (own == pid && depth > 0).then_some(host)
    });
    hits.filter_map(|host| Some((host, comm(host)?)))
        .take(NAMESAKES)
        .collect()
}
