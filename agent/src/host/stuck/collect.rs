//! Reads the facts on a stuck process from /proc, with bounded effort. I/O, off the loop.
//!
//! `cmdline` and `environ` are never read, and no file that the process uses is opened or stat'ed:
//! we could hang on what it hangs on.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::host::actor;
use crate::host::cgroups::Mounts;
use crate::host::ends::{self, Search};
use crate::host::mounts::{self, Mount};
use crate::host::parse;
use crate::host::proc;
use crate::host::refusal;
use crate::host::stat::Stat;
use crate::host::stuck::waiters;
use crate::host::suspects::{cgroup, freezing};
use crate::probes;
use model::events::Key;
use model::stuck::evidence::ignored::Fate;
use model::stuck::evidence::watch::Suspect;
use model::stuck::evidence::{Actor, Connection, CoreHelper, Facts, Frame, Member, Thread};
use model::stuck::steps::{Step, dumping_core, frozen, waiting_for_namespace};

/// Threads that are looked at, of one process.
const THREADS: usize = 64;
/// Frames of a stack that are kept.
const FRAMES: usize = 24;
/// SIGKILL in a mask of signals.
const SIGKILL: u8 = 9;
/// Servers of one file system that are looked at.
const SERVERS: usize = 2;
/// The most processes of a namespace that are named.
const MEMBERS: usize = 8;
/// Functions of probes, which are on the stack while the probed function sleeps.
const OF_PROBES: [&str; 5] = [
    "bpf_trampoline_",
    "bpf_prog_",
    "ftrace_trampoline",
    "kretprobe_trampoline",
    "arch_rethook_trampoline",
];

/// The facts from the files of the process itself, which takes little time; `None` if it has exited or
/// its PID was reused.
pub fn look(suspect: &Suspect, mounts: &Mounts) -> Option<Facts> {
    let key = suspect.process.key;
    let root = format!("/proc/{}", key.tgid);
    let status = proc::text(format!("{root}/status")).ok()?;
    let membership = proc::text(format!("{root}/cgroup")).unwrap_or_default();
    let membership = mounts.with_whole_paths(&membership);
    let frozen = cgroup::all_frozen_v1(mounts, &membership);
    let mut facts = Facts {
        dumps_core: parse::field(&status, "CoreDumping").map(|it| it == "1"),
        freezer: cgroup::freezer(mounts, &membership),
        needs: ["stack", "wchan"].map(|name| refusal::missing(&format!("{root}/{name}"))),
        ..Facts::default()
    };
    for tid in proc::threads(key.tgid, THREADS) {
        let known = suspect.threads.iter().find(|thread| thread.tid == tid);
        let stack = known.map(|thread| frames(thread.stack.iter().map(String::as_str)));
        let Some((thread, tracer)) = thread(key.tgid, tid, stack.unwrap_or_default()) else {
            continue;
        };
        if matches!(thread.state, 'Z' | 'X') {
            facts.ended += 1;
            continue;
        }
        facts.tracer = facts.tracer.or(tracer.map(actor::read));
        facts.threads.push(Thread {
            frozen: frozen && thread.state == 'D',
            ..thread
        });
    }
    if let Some(unheard) = suspect.unheard.as_ref().filter(|it| it.may_be_pending) {
        let letters: Vec<_> = facts.threads.iter().map(|thread| thread.state).collect();
        let blocked = parse::pending(&status, unheard.last.signal);
        facts.pending = blocked.and_then(|blocked| Fate::of_pending(blocked, &letters));
    }
    facts.is_unsearched = suspect.unheard.is_some() || depends_on_others(&facts);
    is_still(key).then_some(facts)
}

/// Adds what needs a search: the processes that it waits for, and what keeps those from acting.
/// `None` as with [`look`].
pub fn search(suspect: &Suspect, mut facts: Facts, search: &mut Search) -> Option<Facts> {
    let key = suspect.process.key;
    if let Some(unheard) = &suspect.unheard {
        let sender = unheard.last.by.as_ref().filter(|_| unheard.sender_lives);
        facts.sender_waits = sender.map(|sender| {
            let is_parent = suspect.parent == Some(sender.key);
            waiters::waits(sender.key.tgid, key.tgid, is_parent)
        });
    } else {
        awaited(key.tgid, &mut facts, search);
        follow(&mut facts, search);
    }
    facts.is_unsearched = false;
    is_still(key).then_some(facts)
}

/// Whether the process still has its PID.
fn is_still(key: Key) -> bool {
    probes::start_ns(key.tgid).is_some_and(|start_ns| Key { start_ns, ..key }.is_roughly(key))
}

/// Whether it may wait for other processes.
fn depends_on_others(facts: &Facts) -> bool {
    let elsewhere = |thread: &Thread| {
        let steps = [
            &dumping_core::STEP,
            &frozen::STEP,
            &waiting_for_namespace::STEP,
        ];
        thread.waits_for_fuse()
            || thread.waits_for_requests()
            || thread.waits_for_network()
            || steps.contains(&thread.step())
    };
    facts.tracer.is_some() || facts.threads.iter().any(elsewhere)
}

/// Finds what the process waits for, by the steps of its threads.
fn awaited(tgid: u32, facts: &mut Facts, search: &mut Search) {
    let threads = facts.threads.clone();
    let find = |waits: fn(&Thread) -> bool| threads.iter().find(|thread| waits(thread));
    let is_in = |step: &Step| threads.iter().any(|thread| thread.step() == step);
    if let Some(thread) = find(Thread::waits_for_fuse) {
        (facts.fuse, facts.fuse_is_exact) = ends::fuse_connections(search, tgid, thread.tid);
    } else if let Some(thread) = find(Thread::waits_for_requests) {
        // The requests need not be of these.
        facts.fuse = ends::fuse_connections(search, tgid, thread.tid).0;
    }
    if find(Thread::waits_for_network).is_some() {
        facts.network = network(tgid);
    }
    if is_in(&dumping_core::STEP) {
        facts.core_helper = core_helper(tgid);
        let helper = facts.core_helper.as_ref();
        if let Some(mount) = helper.and_then(|it| it.mount.as_deref()) {
            only_of_mount(&mut facts.fuse, mount);
        }
    }
    if is_in(&frozen::STEP) {
        let freezer = facts.freezer.as_ref();
        facts.frozen_with_it = freezer.map(|freezer| freezing::others(freezer, tgid));
    }
    if is_in(&waiting_for_namespace::STEP) {
        facts.left_in_namespace = left_in_namespace(tgid);
    }
}

/// Of several connections, keeps the one that the core file is on, if it is among them.
fn only_of_mount(found: &mut Vec<Connection>, mount: &str) {
    let is_it = |connection: &Connection| connection.mount.as_deref() == Some(mount);
    if found.iter().any(is_it) {
        found.retain(is_it);
    }
}

/// Finds what keeps the processes from acting on which a process depends, if they are few.
fn follow(facts: &mut Facts, search: &mut Search) {
    let servers = match &mut facts.fuse[..] {
        [one] => &mut one.servers[..],
        _ => &mut [],
    };
    let helper = facts
        .core_helper
        .as_mut()
        .and_then(|it| it.process.as_mut());
    let members = facts.left_in_namespace.iter_mut();
    let zombies = members.filter(|member| member.process.state == Some('Z'));
    let parent = zombies.filter_map(|member| member.parent.as_mut()).take(1);
    let actors = facts
        .tracer
        .iter_mut()
        .chain(servers.iter_mut().take(SERVERS));
    for actor in actors.chain(helper).chain(parent) {
        let last = last_tracer(actor);
        if matches!(last.state, Some('S' | 'D' | 'I')) {
            last.block = ends::block_of_process(search, last.pid, last.state);
        }
    }
}

/// The last tracer in a chain of tracers.
fn last_tracer(actor: &mut Actor) -> &mut Actor {
    match actor.tracer {
        Some(ref mut tracer) => last_tracer(tracer),
        None => actor,
    }
}

/// A thread and its tracer; the stack is read from /proc only if the probes gave none.
fn thread(pid: u32, tid: u32, stack: Vec<Frame>) -> Option<(Thread, Option<u32>)> {
    let read = |name: &str| proc::text(format!("/proc/{pid}/task/{tid}/{name}")).ok();
    let status = read("status")?;
    let state = parse::state(&status)?;
    let pending = |name: &str| parse::has_signal(&status, name, SIGKILL) == Some(true);
    let ended = matches!(state, 'Z' | 'X');
    let thread = Thread {
        tid,
        state,
        frozen: false,
        kill_pending: pending("SigPnd") || pending("ShdPnd"),
        exiting: Stat::of_thread(pid, tid).is_some_and(Stat::is_exiting),
        wchan: read("wchan")
            .filter(|_| !ended)
            .and_then(|text| parse::wchan(&text)),
        stack: if stack.is_empty() && !ended {
            let text = read("stack").unwrap_or_default();
            frames(
                text.lines()
                    .filter_map(|line| line.split_once(' '))
                    .map(|it| it.1),
            )
        } else {
            stack
        },
    };
    Some((thread, parse::tracer(&status)))
}

/// A stack from lines `name+0x1/0x2 [module]`, without unnamed frames and those of probes.
fn frames<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Frame> {
    let frames = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let function = words.next()?.split('+').next()?;
        let module = words
            .next()
            .map(|it| it.trim_matches(['[', ']']).to_owned());
        let of_probe = OF_PROBES.iter().any(|name| function.starts_with(name));
        let named = !function.starts_with("0x") && !of_probe;
        named.then(|| Frame {
            function: function.to_owned(),
            module,
        })
    });
    frames.take(FRAMES).collect()
}

/// The network file systems that a process sees.
fn network(pid: u32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let remote = mounts::parse(&text).filter(Mount::is_network);
    remote.map(|mount| mount.words()).collect()
}

/// Where the core of a process goes: to the program in `core_pattern`, which the kernel starts, or to
/// a file.
fn core_helper(pid: u32) -> Option<CoreHelper> {
    let pattern = proc::text("/proc/sys/kernel/core_pattern").ok()?;
    let pattern = pattern.trim().to_owned();
    let program = pattern
        .strip_prefix('|')
        .and_then(|it| it.split_whitespace().next());
    let name = program.and_then(|path| Path::new(path).file_name()?.to_str());
    // The kernel truncates names.
    let name = name.map(|name| name.chars().take(15).collect::<String>());
    let process = name.and_then(|name| {
        let mut alike = proc::numbers("/proc")
            .into_iter()
            .flatten()
            .filter(|pid| actor::comm(*pid) == name);
        alike
            .find(|pid| actor::parent(*pid).is_some_and(is_of_kernel))
            .map(actor::read)
    });
    let mount = core_mount(pid, &pattern);
    Some(CoreHelper {
        pattern,
        process,
        mount,
    })
}

/// The mount of the file that a core is written to.
fn core_mount(pid: u32, pattern: &str) -> Option<String> {
    if pattern.starts_with(['|', '@']) {
        return None;
    }
    // Reading the link does not access the file system that it points to.
    let folder = fs::read_link(format!("/proc/{pid}/cwd"));
    let path = if pattern.starts_with('/') {
        Path::new(pattern).parent()?.to_owned()
    } else {
        folder.ok()?
    };
    let text = fs::read(format!("/proc/{pid}/mountinfo")).ok()?;
    let path = path.as_os_str().as_bytes();
    let around = mounts::parse(&text).filter(|mount| mount.holds(path));
    // Of two mounts at one place the later one is on top.
    let nearest = around.max_by_key(|mount| mount.place.len())?;
    Some(nearest.words())
}

/// Whether it is kthreadd or a child of it: only kernel threads are.
fn is_of_kernel(pid: u32) -> bool {
    pid == 2 || actor::parent(pid) == Some(2)
}

/// The processes in the PID namespace of `init`, except `init`.
fn left_in_namespace(init: u32) -> Vec<Member> {
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(own) = namespace(init) else {
        return Vec::new();
    };
    let others = proc::numbers("/proc")
        .into_iter()
        .flatten()
        .filter(|&pid| pid != init && namespace(pid).as_ref() == Some(&own));
    let member = |pid| Member {
        process: actor::read(pid),
        parent: actor::parent(pid).filter(|&it| it != init).map(actor::read),
    };
    others.map(member).take(MEMBERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_read_with_modules_and_without_probes() {
        let lines = [
            "request_wait_answer+0x1a/0x2b [fuse]",
            "bpf_trampoline_64+0x1",
            "do_exit+0x1/0x2",
            "0xffffffff81000000",
        ];
        let frame = |function: &str, module: Option<&str>| Frame {
            function: function.to_owned(),
            module: module.map(ToOwned::to_owned),
        };
        assert_eq!(
            frames(lines.into_iter()),
            [
                frame("request_wait_answer", Some("fuse")),
                frame("do_exit", None)
            ]
        );
    }
}
