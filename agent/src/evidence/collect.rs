//! Reads what /proc says about a suspect, with bounded effort. I/O, done off the loop.
//!
//! `cmdline` and `environ` are never read: they need the lock of an address space whose owner may
//! be stuck.

use std::fs;

use super::{Cpu, Facts, Sigchld, Thread, cgroup, parse};
use crate::{cgroups::Mounts, events::Key, kernel};

/// Threads that are looked at, of one process.
const THREADS: usize = 64;

/// The facts of a process; `None` if it is gone or somebody else has its number.
pub fn facts(who: Key, mounts: &Mounts) -> Option<Facts> {
    let root = format!("/proc/{}", who.tgid);
    let read = |name: &str| fs::read_to_string(format!("{root}/{name}")).ok();
    let status = read("status")?;
    let membership = read("cgroup").map(|text| mounts.with_whole_paths(&text));
    let mut facts = Facts {
        threads: parse::field(&status, "Threads")?.parse().ok()?,
        looked_at: Vec::new(),
        tracer: parse::tracer(&status).map(|pid| (pid, comm(pid))),
        sigchld: None,
        own_number: parse::own_number(&status),
        freezer: membership
            .as_ref()
            .and_then(|text| cgroup::freezer(mounts, text)),
        cpu: None,
        signalfd: None,
        stop_signal: None,
        unreadable: Vec::new(),
    };
    let mut cpu: Option<Cpu> = None;
    for tid in threads(who.tgid, THREADS) {
        let Some((thread, sigchld, its_cpu)) = thread(&root, tid) else {
            continue;
        };
        if !matches!(thread.state, 'Z' | 'X') {
            facts.sigchld = sigchld
                .map(|it| joined(facts.sigchld, it))
                .or(facts.sigchld);
            cpu = its_cpu.map(|it| summed(cpu, it)).or(cpu);
        }
        facts.looked_at.push(thread);
    }
    let quota = membership
        .as_ref()
        .and_then(|text| cgroup::quota(mounts, text));
    facts.cpu = cpu.map(|cpu| Cpu { quota, ..cpu });
    let start_ns = kernel::start_ns(who.tgid)?;
    let now = Key { start_ns, ..who };
    now.is_roughly(who).then_some(facts)
}

/// The name of a process.
pub(super) fn comm(pid: u32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}

/// The threads of a process, at most so many.
pub(super) fn threads(tgid: u32, most: usize) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{tgid}/task"));
    let names = entries.into_iter().flatten().flatten();
    let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.take(most).collect()
}

fn thread(process: &str, tid: u32) -> Option<(Thread, Option<Sigchld>, Option<Cpu>)> {
    let read = |name: &str| fs::read_to_string(format!("{process}/task/{tid}/{name}")).ok();
    let status = read("status")?;
    let state = parse::state(&status)?;
    let sleeps = matches!(state, 'S' | 'D' | 'I');
    let thread = Thread {
        tid,
        state,
        wchan: read("wchan")
            .filter(|_| sleeps)
            .and_then(|text| parse::wchan(&text)),
        awaits: read("syscall")
            .filter(|_| sleeps)
            .and_then(|text| parse::awaited(&text)),
        stack: match state {
            'D' => read("stack")
                .map(|text| parse::stack(&text))
                .unwrap_or_default(),
            _ => Vec::new(),
        },
        comm: String::new(),
        block: None,
    };
    let cpu = read("schedstat").and_then(|text| parse::schedstat(&text));
    Some((thread, parse::sigchld(&status), cpu))
}

fn joined(all: Option<Sigchld>, one: Sigchld) -> Sigchld {
    let all = all.unwrap_or_default();
    Sigchld {
        blocked_in: all.blocked_in + one.blocked_in,
        pending: all.pending || one.pending,
        caught: all.caught || one.caught,
        ignored: all.ignored || one.ignored,
    }
}

fn summed(all: Option<Cpu>, one: Cpu) -> Cpu {
    let all = all.unwrap_or_default();
    Cpu {
        ran_ns: all.ran_ns + one.ran_ns,
        queued_ns: all.queued_ns + one.queued_ns,
        quota: None,
    }
}
