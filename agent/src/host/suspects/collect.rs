//! Reads the facts on a suspect from /proc, with bounded effort. I/O, off the loop.
//!
//! `cmdline` and `environ` are never read: they need the lock of an address space whose owner may
//! be stuck.

use std::{fs, io::ErrorKind, path::Path};

use rustix::process::Pid;

use crate::host::cgroups::Mounts;
use crate::host::ends::{self, Search};
use crate::host::parse;
use crate::host::proc;
use crate::host::suspects::{cgroup, freezing, numbers};
use crate::probes;
use model::culprit::evidence::{Cpu, Facts, Sigchld, Thread};
use model::events::Key;

/// Threads that are looked at, of one process.
const THREADS: usize = 64;

/// The facts on a process that holds these zombies; `None` if it has exited or its PID was reused.
pub fn facts(who: Key, zombies: &[u32], mounts: &Mounts, search: &mut Search) -> Option<Facts> {
    let root = format!("/proc/{}", who.tgid);
    let status = proc::text(format!("{root}/status")).ok()?;
    let membership = fs::read(format!("{root}/cgroup"));
    let membership = membership.map(|text| mounts.with_whole_paths(&text)).ok();
    let mut facts = Facts {
        threads: parse::field(&status, "Threads")?.parse().ok()?,
        tracer: parse::tracer(&status).map(|pid| (pid, proc::comm(pid))),
        ended_by: parse::ended_by(&status),
        own_number: parse::own_number(&status),
        freezer: membership
            .as_ref()
            .and_then(|text| cgroup::freezer(mounts, text)),
        has_usage_of_children: has_usage_of_children(&root),
        nice: nice(who.tgid),
        ..Facts::default()
    };
    let freezer = facts.freezer.as_ref();
    facts.frozen_with_it = freezer.map(|freezer| freezing::others(freezer, who.tgid));
    search.left_by(zombies);
    let mut cpu: Option<Cpu> = None;
    for tid in proc::threads(who.tgid, THREADS) {
        let path = format!("{root}/task/{tid}");
        let Some((mut thread, sigchld, its_cpu)) = thread(Path::new(&path), tid) else {
            continue;
        };
        if let Some((_, depth)) = facts.own_number {
            thread.awaits = thread.awaits.map(|it| numbers::ours(who.tgid, depth, it));
        }
        if !matches!(thread.state, 'Z' | 'X') {
            facts.sigchld = sigchld
                .map(|it| joined(facts.sigchld, it))
                .or(facts.sigchld);
            cpu = its_cpu.map(|it| summed(cpu, it)).or(cpu);
        }
        if thread.state == 'D' && thread.stack.is_empty() && is_refused(&path) {
            search.refuse(&format!("{path}/stack"));
        }
        thread.block = ends::block_of(search, who.tgid, tid);
        facts.looked_at.push(thread);
    }
    // A signalfd reports nothing unless SIGCHLD is blocked.
    if facts.sigchld.is_none_or(|it| it.blocked_in > 0) {
        facts.signalfd = ends::has_signalfd(search, who.tgid);
    }
    let quota = membership
        .as_ref()
        .and_then(|text| cgroup::quota(mounts, text));
    facts.cpu = cpu.map(|cpu| Cpu { quota, ..cpu });
    facts.unreadable = search.take_unreadable();
    let start_ns = probes::start_ns(who.tgid)?;
    let now = Key { start_ns, ..who };
    now.is_roughly(who).then_some(facts)
}

fn has_usage_of_children(root: &str) -> Option<bool> {
    let stat = fs::read(format!("{root}/stat")).ok()?;
    let (_, fields) = proc::split_stat(&stat)?;
    parse::has_usage_of_children(&fields)
}

fn nice(pid: u32) -> Option<i32> {
    let pid = Pid::from_raw(pid.try_into().ok()?);
    rustix::process::getpriority_process(pid).ok()
}

fn is_refused(thread: &str) -> bool {
    let read = fs::read(format!("{thread}/stack"));
    read.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn thread(root: &Path, tid: u32) -> Option<(Thread, Option<Sigchld>, Option<Cpu>)> {
    let read = |name: &str| proc::text(root.join(name)).ok();
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
        comm: proc::comm_at(root.join("comm")).unwrap_or_default(),
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
