//! Reads what /proc shows of a PID, within a time limit. I/O, off the loop.

use std::time::{Duration, Instant};

use crate::host::ends;
use crate::host::parse;
use crate::host::proc::{self, comm};
use crate::host::stat::Stat;
use crate::probes;
use model::culprit::evidence::Sigchld;
use model::events::{Key, Process};
use model::explain::{Exit, Seen, Stop};
use model::stuck::evidence::ignored::Fate;

/// The time limit of the search for processes with this PID in a namespace.
const TIME_LIMIT: Duration = Duration::from_millis(300);
/// The most such processes that are reported.
const NAMESAKES: usize = 8;
/// Signals that ask a process to exit: TERM, INT, QUIT and HUP.
const REQUESTS: [u8; 4] = [15, 2, 3, 1];
/// Maximum number of threads examined.
const THREADS: usize = 64;

/// What has this PID now.
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
    if Stat::read(pid).is_some_and(Stat::is_of_kernel) {
        let seen = Seen {
            kernel_thread: comm(pid),
            ..Seen::default()
        };
        return elsewhere(pid, seen);
    }
    let process = probes::start_ns(pid).zip(proc::name(pid));
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
        pidfds: ends::dead_pidfds_of(pid),
        threads: number("Threads"),
        sigchld: parse::sigchld(status).map(|sigchld| Sigchld {
            // Shells block it while they wait for a command, which is harmless.
            blocked_in: sigchld.blocked_in * u32::from(!waits(pid)),
            ..sigchld
        }),
        ..seen_of_threads(pid, status)
    }
}

/// No program has the PID here; it may be a PID inside a namespace.
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

/// What its threads are doing.
fn seen_of_threads(pid: u32, status: &str) -> Seen {
    let threads = proc::threads(pid, THREADS).into_iter();
    let threads = threads.filter_map(|tid| Stat::of_thread(pid, tid));
    let threads: Vec<_> = threads.collect();
    let living = threads.iter().map(|thread| thread.state);
    let living: Vec<char> = living.filter(|state| !matches!(state, 'Z' | 'X')).collect();
    let all =
        |letters: &[char]| !living.is_empty() && living.iter().all(|state| letters.contains(state));
    let pending = |&signal: &u8| {
        let blocked = parse::pending(status, signal)?;
        Some((signal, Fate::of_pending(blocked, &living)?))
    };
    Seen {
        pending: REQUESTS.iter().find_map(pending),
        stopped: if all(&['T']) {
            Some(Stop::Signal)
        } else {
            all(&['T', 't']).then_some(Stop::Tracer)
        },
        exit: exit(status, &threads),
        ..Seen::default()
    }
}

/// How far its exit is, if it has been killed or one of its threads has begun to exit. `None` if a
/// tracer has stopped it: it may be at the start of its exit, which the kernel does not show yet.
fn exit(status: &str, threads: &[Stat]) -> Option<Exit> {
    if parse::field(status, "CoreDumping") == Some("1") {
        return Some(Exit::DumpingCore);
    }
    if threads.is_empty() || threads.iter().any(|thread| thread.state == 't') {
        None
    } else if threads.iter().any(|thread| thread.is_exiting()) {
        Some(Exit::Begun)
    } else {
        Some(Exit::NotBegun)
    }
}

/// Processes that have the PID inside a PID namespace.
fn namesakes(pid: u32) -> Vec<(u32, String)> {
    let until = Instant::now() + TIME_LIMIT;
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
