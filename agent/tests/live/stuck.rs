//! Processes that were killed or exit but never finish: each kind alone and with the others, and
//! whether the remedy helps.

use std::path::Path;
use std::{fs, io, thread};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities, unshare_unsafe};
use scenarios::stuck::{CASES, find};
use scenarios::truth::Lack;

use crate::agent::{Agent, eventually, view};
use crate::host::Host;
use crate::matrix::Matrix;
use crate::row::{Verdicts, attempt};
use crate::scenario::Undying;
use api::{Culprit, Stuck};

/// Long enough that no process that dies normally is listed.
const THRESHOLD: &str = "1s";

/// The one whose remedy is followed.
const REMEDIED: &str = "fuse_flush";

/// Others whose remedy is followed, and how the command in it begins.
const FOLLOWED: [(&str, &str); 14] = [
    ("exit_stop", "kill "),
    ("exit_stop_stopped", "kill -CONT "),
    ("exit_stop_pipe", "kill "),
    ("fuse_stopped", "kill -CONT "),
    ("fuse_unserved", ABORT),
    ("fuse_read", ABORT),
    ("fuse_read_in_thread", ABORT),
    ("fuse_io_uring", ABORT),
    ("fuse_aio", ABORT),
    ("killed_frozen", "echo THAWED > "),
    ("namespace_init", "kill "),
    ("slow_core_reader", "kill -9 "),
    ("ignores_term", "kill -9 "),
    ("init_ignores_term", "kill -9 "),
];
const ABORT: &str = "echo 1 > ";

/// The one whose remedy is to find a process, and the command for that.
const SOUGHT: (&str, &str) = ("terminal", "grep -lE 'tty_(read|write)'");

/// The verdicts whose advice is followed here.
pub(crate) fn followed() -> impl Iterator<Item = &'static str> {
    let names = FOLLOWED.map(|(name, _)| name).into_iter();
    let names = names.chain([REMEDIED, SOUGHT.0]);
    names.map(|name| find(name).expect("a case").verdict)
}

/// The verdict on one that is not exiting at all.
const IGNORES: &str = "term_ignored";

/// Each verdict of stuck exits that there is.
const IDS: [&str; 10] = [
    "closing_files",
    "dumping_core",
    "freeing_memory",
    "in_driver",
    "io_uring_cancel",
    "killed_while_frozen",
    "ptrace_exit_stop",
    "term_ignored",
    "unkillable_sleep",
    "waiting_for_namespace",
];

pub(crate) fn of(agent: &Agent, pid: u32) -> Option<Stuck> {
    let all = agent.stuck(THRESHOLD).items.into_iter();
    all.into_iter().find(|stuck| stuck.pid == pid)
}

pub(crate) fn id(stuck: Option<&Stuck>) -> &str {
    let verdict = stuck.and_then(|stuck| stuck.verdict.as_ref());
    verdict.map_or("none", |verdict| &verdict.id.0)
}

/// The last report of it.
fn reported(agent: &Agent, one: &Undying) -> Stuck {
    let mut last = None;
    eventually(|| {
        last = of(agent, one.truth.pid).or(last.take());
        id(last.as_ref()) == one.truth.verdict && last.as_ref().is_some_and(is_complete)
    });
    last.unwrap_or_else(|| panic!("{:?} is not listed", one.truth))
}

/// Whether there was time to look for what it waits for, as there may not be on a starved machine.
fn is_complete(stuck: &Stuck) -> bool {
    let mut lines = stuck.verdict.iter().flat_map(|verdict| &verdict.evidence);
    !lines.any(|line| line.ends_with("try again"))
}

/// Asserts that all that is true of it is reported, and nothing else.
fn check(agent: &Agent, one: &Undying) {
    let truth = &one.truth;
    let stuck = reported(agent, one);
    Matrix::new("together").note(&truth.name, &truth.verdict, id(Some(&stuck)));
    assert_eq!(id(Some(&stuck)), truth.verdict, "{stuck:#?}");
    let verdict = stuck.verdict.as_ref().expect("it was there");
    assert!(stuck.stuck_seconds >= 1.0, "{stuck:#?}");
    if truth.verdict == IGNORES {
        let sender = stuck.ignored.as_ref().and_then(|it| it.process.as_ref());
        assert_eq!(sender.map(|it| it.pid), truth.holder, "{stuck:#?}");
        assert_eq!(stuck.step, Some("term_ignored".into()), "{stuck:#?}");
        let explained = || {
            let verdict = agent.explain(truth.pid).story.verdict;
            verdict.is_some_and(|verdict| verdict.id == IGNORES)
        };
        assert!(
            eventually(explained),
            "explain has no verdict on {truth:#?}"
        );
        return;
    }
    assert!(
        stuck.threads.iter().any(|thread| !thread.stack.is_empty()),
        "{stuck:#?}"
    );
    if let Some(connection) = truth.connection {
        let name = format!("/sys/fs/fuse/connections/{connection}/abort");
        assert!(verdict.remedy.contains(&name), "{name}: {stuck:#?}");
    }
    let waits_for = stuck.waits_for.as_ref();
    let not_looked_for = ["waiting_for_namespace", "in_driver"].contains(&&*truth.verdict);
    if let (Some(holder), false) = (truth.holder, not_looked_for) {
        let named =
            waits_for.is_some_and(|it| it.processes.iter().any(|process| process.pid == holder));
        assert!(named, "{holder}: {stuck:#?}");
    }
    if truth.name == "fuse_unserved" && waits_for.is_some_and(|it| it.processes.is_empty()) {
        assert!(verdict.remedy.starts_with("abort "), "{stuck:#?}");
    }
    if truth.verdict == "waiting_for_namespace" {
        let pid = truth.holder.expect("a process outside");
        let holder = format!("(PID {pid})");
        assert!(verdict.remedy.contains(&holder), "{holder}: {stuck:#?}");
        // The one waits for the other, and each is reported with its own truth.
        let keeps = |it: &Culprit| {
            let verdict = it.verdict.as_ref().map(|verdict| &*verdict.id.0);
            it.process.pid == pid && verdict == Some("pidns_init_waiting")
        };
        assert!(eventually(|| agent.culprits().items.iter().any(keeps)));
    }
    // A process whose kill was seen has a killer; one that exits by itself has none.
    match truth.name.as_str() {
        "fuse_flush_at_exit" => assert_eq!(stuck.killer, None, "{stuck:#?}"),
        "exit_stop" | "exit_stop_stopped" | "exit_stop_pipe" | "fuse_flush" | "fuse_stopped"
        | "fuse_read" | "killed_frozen" => {
            let signal = stuck.killer.as_ref().map(|killer| killer.signal.as_str());
            assert_eq!(signal, Some("SIGKILL"), "{stuck:#?}");
        }
        _ => {}
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_stuck_process_has_its_verdict() {
    let agent = Agent::start(&[]);
    Matrix::ids(IDS);
    let mut verdicts = Verdicts::default();
    let cast = start_all(&mut verdicts);
    // All are held at the same time, so each is distinguished from all similar ones.
    for one in &cast {
        verdicts.of(&one.truth.name, || check(&agent, one));
    }
    verdicts.of("stuck_later_agent", || later_agent(&cast));
    verdicts.of("stuck_counted", || {
        // By now they are past the usual threshold too.
        let exiting = cast.iter().filter(|one| one.truth.verdict != IGNORES);
        let exiting = exiting.count() as f64;
        let all = || agent.metric("reapwatch_stuck_exits", "") >= exiting;
        assert!(eventually(all), "not all are in the metric");
    });
    verdicts.of("stuck_without_privileges", || {
        without_privileges(&cast);
    });
    let named = |name: &str| cast.iter().find(|one| one.truth.name == name);
    if let Some(one) = named(REMEDIED) {
        verdicts.of("stuck_remedy", || remedy_frees(&agent, one));
    }
    for (name, begins) in FOLLOWED {
        if let Some(one) = named(name) {
            verdicts.of(&format!("{name}_remedy"), || follow(&agent, one, begins));
        }
    }
    if let Some(one) = named(SOUGHT.0) {
        verdicts.of("terminal_remedy", || seek(&agent, one, SOUGHT.1));
    }
    let pids: Vec<_> = cast.iter().map(|one| one.truth.pid).collect();
    drop(cast);
    verdicts.of("stuck_let_go", || {
        let gone = || {
            agent
                .stuck(THRESHOLD)
                .items
                .iter()
                .all(|stuck| !pids.contains(&stuck.pid))
        };
        assert!(eventually(gone), "a process is still listed");
    });
    verdicts.end();
}

/// All that this kernel can hold.
fn start_all(verdicts: &mut Verdicts) -> Vec<Undying> {
    let mut cast = Vec::new();
    for case in CASES {
        match attempt(|| Undying::start(case.name)) {
            Ok(one) => match &one.truth.skipped {
                Some(why) => {
                    Verdicts::skip(&lack(case.name, why));
                    if case.name == REMEDIED {
                        Verdicts::skip(&lack("stuck_remedy", why));
                    }
                }
                None => cast.push(one),
            },
            Err(why) => verdicts.judge(case.name, Err(why)),
        }
    }
    cast
}

/// An agent that starts now has seen none of it, and reports that.
fn later_agent(cast: &[Undying]) {
    let late = Agent::start(&[]);
    // It does not know of signals that were ignored before it started.
    for one in cast.iter().filter(|one| one.truth.verdict != IGNORES) {
        let stuck = reported(&late, one);
        assert_eq!(id(Some(&stuck)), one.truth.verdict, "{stuck:#?}");
        assert!(
            stuck.stuck_is_lower_bound && stuck.since.is_none(),
            "{stuck:#?}"
        );
        assert_eq!(stuck.killer, None, "{stuck:#?}");
    }
}

fn lack(name: &str, lacks: &str) -> Lack {
    Lack {
        name: name.to_owned(),
        lacks: lacks.to_owned(),
    }
}

/// Asserts that the process is gone and not listed any more after the command in its remedy; what
/// held it lives on unless the command ends just that one.
fn follow(agent: &Agent, one: &Undying, begins: &str) {
    let remedy = reported(agent, one).verdict.expect("it was there").remedy;
    let words = remedy.split_once(&format!(": {begins}"));
    // Before Linux 6.13 it is unknown which of several servers a FUSE connection has.
    let (begins, rest) = words.map_or_else(
        || {
            (
                ABORT,
                remedy.rsplit_once(ABORT).expect("it has a command").1,
            )
        },
        |(_, rest)| (begins, rest),
    );
    let command = format!("{begins}{}", rest.split(';').next().unwrap_or_default());
    // Never that of another process on this machine.
    let own = |connection| command.ends_with(&format!("/connections/{connection}/abort"));
    let connection = one.truth.connection.filter(|_| begins == ABORT);
    assert!(connection.is_none_or(own), "{connection:?}: {remedy}");
    carry_out(&command);
    assert_freed(agent, one, &remedy);
    let holder = one.truth.holder.filter(|_| begins != ABORT);
    let lives = |pid: u32| command == format!("kill {pid}") || !has_ended(pid);
    assert!(holder.is_none_or(lives), "{remedy}");
}

#[track_caller]
fn assert_freed(agent: &Agent, one: &Undying, remedy: &str) {
    let pid = one.truth.pid;
    assert!(eventually(|| of(agent, pid).is_none()), "{remedy}");
    assert!(eventually(|| has_ended(pid)), "{remedy}");
}

/// The same where the remedy is how to find the process to end.
fn seek(agent: &Agent, one: &Undying, look: &str) {
    let remedy = reported(agent, one).verdict.expect("it was there").remedy;
    assert!(remedy.contains(look), "{remedy}");
    let holder = one.truth.holder.expect("there is one");
    let threads = fs::read_dir(format!("/proc/{holder}/task")).expect("it lives");
    let stacks = threads.flatten().map(|it| it.path().join("stack"));
    let mut stacks = stacks.map(|stack| fs::read_to_string(stack).expect("it can be read"));
    assert!(stacks.any(|it| it.contains("tty_read") || it.contains("tty_write")));
    kill(&holder.to_string(), libc::SIGKILL).expect("it lives");
    assert_freed(agent, one, &remedy);
}

/// Runs a command of a remedy without a shell, which a test kernel's machine does not have.
fn carry_out(command: &str) {
    let words: Vec<_> = command.split_whitespace().collect();
    let done = match words[..] {
        ["echo", "1", ">", file] => write_where_fuse_is_controlled(file),
        ["echo", text, ">", file] => fs::write(file, text),
        ["kill", pid] => kill(pid, libc::SIGTERM),
        ["kill", "-9", pid] => kill(pid, libc::SIGKILL),
        ["kill", "-CONT", pid] => kill(pid, libc::SIGCONT),
        _ => panic!("no command that is known here: {command}"),
    };
    done.unwrap_or_else(|error| panic!("{command}: {error}"));
}

fn kill(pid: &str, signal: i32) -> io::Result<()> {
    let pid = pid.parse().expect("a PID");
    // SAFETY: the call touches no memory.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(crate) fn has_ended(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

/// With what loading needs and nothing else the same processes get the same verdicts.
fn without_privileges(cast: &[Undying]) {
    // Before Linux 5.11 the memory of probes counts as locked.
    let own = capabilities(None).expect("they can be read").permitted;
    let locking = CapabilitySet::SYS_RESOURCE & own;
    let loading = CapabilitySet::BPF | CapabilitySet::PERFMON | locking;
    let host = Host::new().run_by_nobody(loading);
    let agent = Agent::start_as(host.reapwatch(), &[], &host.socket());
    let of_files = [
        "closing_files",
        "freeing_memory",
        "unkillable_sleep",
        "in_driver",
    ];
    for one in cast.iter().filter(|one| !has_ended(one.truth.pid)) {
        let truth = &one.truth;
        if of_files.contains(&&*truth.verdict) {
            let stuck = reported(&agent, one);
            assert_eq!(id(Some(&stuck)), truth.verdict, "{stuck:#?}");
        }
    }
}

/// Asserts that following the remedy frees the process.
fn remedy_frees(agent: &Agent, one: &Undying) {
    let stuck = reported(agent, one);
    assert_eq!(stuck.step, Some("closing_files".into()), "{stuck:#?}");
    let frames = stuck.threads.iter().flat_map(|thread| &thread.stack);
    assert!(
        frames.clone().any(|frame| frame == "fuse_flush"),
        "{stuck:#?}"
    );
    let fails = view(
        &["stuck", "--fail", "--threshold", THRESHOLD],
        agent.socket(),
    );
    assert_eq!(fails.status.code(), Some(3));
    let output = String::from_utf8_lossy(&fails.stdout).into_owned();
    let remedy = stuck.verdict.expect("it was there").remedy;
    let (_, file) = remedy.rsplit_once("echo 1 > ").expect("a command ends it");
    for part in ["closing_files", "to do: ", file] {
        assert!(output.contains(part), "{part}: {output}");
    }
    write_where_fuse_is_controlled(file).expect("the file can be written");
    assert!(eventually(|| of(agent, one.truth.pid).is_none()));
    let status = fs::read_to_string(format!("/proc/{}/status", one.truth.pid));
    let status = status.expect("its parent has not reaped it");
    assert!(status.contains("State:\tZ"), "{status}");
}

/// What the remedy's command does, without leaving a mount on the host.
pub(crate) fn write_where_fuse_is_controlled(file: &str) -> io::Result<()> {
    let file = file.to_owned();
    let written = thread::spawn(move || {
        if !Path::new(&file).exists() {
            // SAFETY: only this thread, which ends, leaves the common mount namespace.
            unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change("/", private)?;
            let place = "/sys/fs/fuse/connections";
            mount("fusectl", place, "fusectl", MountFlags::empty(), None)?;
        }
        fs::write(&file, "1")
    });
    written.join().expect("no panic")
}
