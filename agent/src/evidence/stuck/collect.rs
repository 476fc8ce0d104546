//! Reads what /proc says about a process that does not die, with bounded effort. I/O, done off
//! the loop.
//!
//! `cmdline` and `environ` are never read, and no file of the process is opened or looked at by
//! name: what it waits for would make us wait too.

use std::fs;
use std::path::Path;

use super::{
    CoreHelper, Facts, Frame, Member, Thread, Who, fuse,
    steps::Step,
    symbols::{self, Symbols},
    watch::Suspect,
};
use crate::cgroups::Mounts;
use crate::evidence::{cgroup, collect, parse};
use crate::kernel;

/// Threads that are looked at, of one process.
const THREADS: usize = 64;
/// Frames of a stack that are read from /proc.
const FRAMES: usize = 24;
/// SIGKILL in a mask of signals.
const SIGKILL: u64 = 1 << 8;
/// Those who keep a namespace that are named.
const MEMBERS: usize = 8;
/// File systems whose server is another machine.
const NETWORK: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs"];
/// How the functions of their clients begin.
const NETWORK_CALLS: [&str; 7] = ["nfs_", "nfs4_", "rpc_", "cifs_", "smb2_", "ceph_", "p9_"];

/// The facts of a process; `None` if it is gone or somebody else has its number.
pub fn facts(suspect: &Suspect, symbols: &Symbols, mounts: &Mounts) -> Option<Facts> {
    let key = suspect.process.key;
    let root = format!("/proc/{}", key.tgid);
    let read = |name: &str| fs::read_to_string(format!("{root}/{name}")).ok();
    let status = read("status")?;
    let membership = mounts.with_whole_paths(&read("cgroup").unwrap_or_default());
    let frozen = cgroup::all_frozen_v1(mounts, &membership);
    let mut facts = Facts {
        dumps_core: parse::field(&status, "CoreDumping").map(|it| it == "1"),
        freezer: cgroup::freezer(mounts, &membership),
        ..Facts::default()
    };
    for tid in collect::threads(key.tgid, THREADS) {
        let path = format!("{root}/task/{tid}");
        let known = suspect.threads.iter().find(|thread| thread.tid == tid);
        let stack = known
            .map(|thread| symbols.stack(&thread.stack))
            .unwrap_or_default();
        let Some((thread, tracer)) = thread(Path::new(&path), tid, stack) else {
            continue;
        };
        if matches!(thread.state, 'Z' | 'X') {
            facts.ended += 1;
            continue;
        }
        facts.tracer = facts.tracer.or(tracer.map(who));
        facts.threads.push(Thread {
            frozen: frozen && thread.state == 'D',
            ..thread
        });
    }
    awaited(key.tgid, &mut facts);
    let start_ns = kernel::start_ns(key.tgid)?;
    let now = crate::events::Key { start_ns, ..key };
    now.is_roughly(key).then_some(facts)
}

/// Whom the process waits for, as its steps tell where to look.
fn awaited(tgid: u32, facts: &mut Facts) {
    let mut threads = facts.threads.iter();
    if let Some(thread) = threads.clone().find(|thread| thread.waits_for_fuse()) {
        (facts.fuse, facts.fuse_is_exact) = fuse::connections(tgid, thread.tid);
    } else if let Some(thread) = threads.clone().find(|thread| thread.waits_for_requests()) {
        // The requests need not be of these.
        facts.fuse = fuse::connections(tgid, thread.tid).0;
    }
    if threads
        .clone()
        .any(|thread| thread.is_in_any(&NETWORK_CALLS))
    {
        facts.network = network(tgid);
    }
    if threads
        .clone()
        .any(|thread| thread.step() == Step::DumpingCore)
    {
        facts.core_helper = core_helper();
    }
    if threads.any(|thread| thread.step() == Step::WaitingForNamespace) {
        facts.left_in_namespace = left_in_namespace(tgid);
    }
}

/// A thread and its tracer; the stack is read only where the kernel gave none.
fn thread(root: &Path, tid: u32, stack: Vec<Frame>) -> Option<(Thread, Option<u32>)> {
    let read = |name: &str| fs::read_to_string(root.join(name)).ok();
    let status = read("status")?;
    let state = parse::state(&status)?;
    let pending = |name: &str| {
        let mask = parse::field(&status, name).and_then(|it| u64::from_str_radix(it, 16).ok());
        mask.is_some_and(|mask| mask & SIGKILL != 0)
    };
    let ended = matches!(state, 'Z' | 'X');
    let thread = Thread {
        tid,
        state,
        frozen: false,
        kill_pending: pending("SigPnd") || pending("ShdPnd"),
        wchan: read("wchan")
            .filter(|_| !ended)
            .and_then(|text| parse::wchan(&text)),
        stack: if stack.is_empty() && !ended {
            read("stack")
                .map(|text| parse_stack(&text))
                .unwrap_or_default()
        } else {
            stack
        },
    };
    Some((thread, parse::tracer(&status)))
}

/// `[<0>] name+0x1/0x2 [module]`, one a line.
fn parse_stack(text: &str) -> Vec<Frame> {
    let frames = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let function = words.next()?.split('+').next()?;
        let module = words
            .next()
            .map(|it| it.trim_matches(['[', ']']).to_owned());
        let named = !function.starts_with("0x") && !symbols::of_probe(function);
        named.then(|| Frame {
            function: function.to_owned(),
            module,
        })
    });
    frames.take(FRAMES).collect()
}

/// A process as it is now.
pub(super) fn who(pid: u32) -> Who {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    Who {
        pid,
        comm: collect::comm(pid).unwrap_or_default(),
        state: parse::state(&status),
    }
}

/// All PIDs of the host.
pub(super) fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The network file systems that a process sees.
fn network(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let mounts = text.lines().filter_map(fuse::Mount::parse);
    let remote = mounts.filter(|mount| NETWORK.contains(&mount.kind));
    remote.map(|mount| mount.words()).collect()
}

/// The program of `core_pattern`, and the process of that name which the kernel itself started.
fn core_helper() -> Option<CoreHelper> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").ok()?;
    let pattern = pattern.trim().to_owned();
    let program = pattern
        .strip_prefix('|')
        .and_then(|it| it.split_whitespace().next());
    let name = program.and_then(|path| Path::new(path).file_name()?.to_str());
    // The kernel cuts names.
    let name = name.map(|name| name.chars().take(15).collect::<String>());
    let process = name.and_then(|name| {
        let mut alike =
            processes().filter(|pid| collect::comm(*pid).is_some_and(|comm| comm == name));
        alike
            .find(|pid| parent(*pid).is_some_and(is_of_kernel))
            .map(who)
    });
    Some(CoreHelper { pattern, process })
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse::field(&status, "PPid")?
        .parse()
        .ok()
        .filter(|&pid| pid != 0)
}

/// Only threads of the kernel have kthreadd as their parent.
fn is_of_kernel(pid: u32) -> bool {
    pid == 2 || parent(pid) == Some(2)
}

/// Who is in the PID namespace of `init`, itself aside.
fn left_in_namespace(init: u32) -> Vec<Member> {
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(own) = namespace(init) else {
        return Vec::new();
    };
    let others = processes().filter(|&pid| pid != init && namespace(pid).as_ref() == Some(&own));
    let member = |pid| Member {
        process: who(pid),
        parent: parent(pid).filter(|&it| it != init).map(who),
    };
    others.map(member).take(MEMBERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_read_with_modules_and_without_probes() {
        let text = "[<0>] request_wait_answer+0x1a/0x2b [fuse]\n[<0>] bpf_trampoline_64+0x1\n\
            [<0>] do_exit+0x1/0x2\n[<0>] 0xffffffff81000000\n";
        let stack = parse_stack(text);
        let frame = |function: &str, module: Option<&str>| Frame {
            function: function.to_owned(),
            module: module.map(ToOwned::to_owned),
        };
        assert_eq!(
            stack,
            [
                frame("request_wait_answer", Some("fuse")),
                frame("do_exit", None)
            ]
        );
    }
}
