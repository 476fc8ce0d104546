//! The story of one process, in each of its states.

use std::sync::mpsc::channel;

use scenarios::stays::{DEAD_PIDFDS, THREADS};

use crate::agent::{Agent, eventually};
use crate::matrix::Matrix;
use crate::scenario::{Leak, Misbehaving, Staying, run};
use crate::stream::Stream;
use api::{Explanation, PhaseName, ProcessState, Role, Verdict};

fn verdict(story: &Explanation) -> Option<&str> {
    story.verdict.as_ref().map(|Verdict { id, .. }| &*id.0)
}

fn assert_happened(story: &Explanation, part: &str) {
    let is_listed = story.timeline.iter().any(|it| it.what.contains(part));
    assert!(is_listed, "{part:?} is not in {story:#?}");
}

/// Known times must be in order.
fn assert_in_order(story: &Explanation) {
    let times: Vec<_> = story.timeline.iter().filter_map(|it| it.at).collect();
    assert!(times.is_sorted(), "{story:#?}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_living_process_is_explained_with_its_ancestry() {
    let agent = Agent::start(&[]);
    let child = Misbehaving::start("never_waits");
    let document = agent.explain(child.culprit.pid);
    assert_eq!(document.head.version, 1);
    let story = document.story;
    assert_eq!(
        (story.state.as_str(), story.leader_exited),
        ("alive", false)
    );
    let process = story.process.as_ref().expect("it lives");
    assert_eq!(process.pid, child.culprit.pid);
    assert!(process.start_time.is_some());
    assert!(story.ancestry.iter().any(|it| it.pid == std::process::id()));
    assert_happened(&story, "started by ");
    assert!(agent.explained(child.culprit.pid).contains("is alive"));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_culprit_is_explained_with_its_verdict_and_its_zombie_with_its_parent() {
    let agent = Agent::start(&[]);
    let culprit = Misbehaving::start("never_waits");
    let pid = culprit.culprit.pid;
    assert!(eventually(
        || verdict(&agent.explain(pid).story) == Some("never_waits")
    ));
    let story = agent.explain(pid).story;
    let habits = story.habits.as_ref().expect("it lives");
    assert_eq!(
        (habits.role.as_str(), habits.culprit.zombies),
        ("itself", 3)
    );
    assert!(
        story.summary.contains("has not reaped 3 zombies"),
        "{story:#?}"
    );

    let of = |zombie: &api::Zombie| zombie.parent.as_ref().is_some_and(|by| by.pid == pid);
    let zombie = agent.zombies().items.into_iter().find(of);
    let zombie = zombie.expect("they are never reaped").pid;
    let story = agent.explain(zombie).story;
    assert_eq!(story.state, ProcessState::Zombie, "{story:#?}");
    assert_eq!(verdict(&story), Some("never_waits"), "{story:#?}");
    let parent = story.responsible.as_ref().expect("a process must reap it");
    let (role, process) = (parent.role.as_str(), &parent.culprit.process);
    assert_eq!(
        (role, process.pid, parent.culprit.zombies),
        ("parent", pid, 3)
    );
    assert_happened(&story, "became a zombie");
    assert_in_order(&story);
    let phase = story.phases.iter().find(|it| it.name == PhaseName::Zombie);
    assert!(phase.is_some_and(|it| it.seconds >= 2.0), "{story:#?}");
    let page = agent.explained(zombie);
    for part in [
        "has been a zombie",
        "Its parent",
        "Verdict: never_waits",
        "to do: ",
    ] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn open_pidfds_of_reaped_processes_are_counted() {
    let agent = Agent::start(&["--dead-pidfds"]);
    let holder = Staying::start("dead_pidfds");
    let pid = holder.stay.pid;
    let story = agent.explain(pid).story;
    let pidfds = story.pidfds.expect("its descriptors are readable");
    assert_eq!((pidfds.reaped, pidfds.open), (DEAD_PIDFDS, DEAD_PIDFDS + 1));
    assert!(
        story.advice.iter().any(|it| it.contains("pidfds")),
        "{story:#?}"
    );
    let page = agent.explained(pid);
    let line = format!("{DEAD_PIDFDS} of its {} open pidfds", DEAD_PIDFDS + 1);
    assert!(page.contains(&line), "{page}");
    // Other processes may hold some too.
    let counted = || agent.metric("reapwatch_dead_pidfds", "") >= DEAD_PIDFDS as f64;
    assert!(eventually(counted));
    drop(holder);
    assert!(
        agent
            .explain(std::process::id())
            .story
            .pidfds
            .is_some_and(|it| it.reaped == 0)
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_process_without_its_first_thread_is_alive_and_not_a_culprit() {
    let agent = Agent::start(&[]);
    let one = Staying::start("leader_exited");
    let pid = one.stay.pid;
    let story = agent.explain(pid).story;
    assert_eq!((story.state.as_str(), story.leader_exited), ("alive", true));
    assert_eq!(story.threads, Some(THREADS), "{story:#?}");
    Matrix::ids(["leader_exited"]);
    let mut matrix = Matrix::new("alone");
    let reported = verdict(&story).unwrap_or("none");
    matrix.note("leader_exited", "leader_exited", reported);
    matrix.end();
    let page = agent.explained(pid);
    for part in ["not a zombie", &format!("{THREADS} threads")] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }

    // A later zombie is known by now, so this one would be too.
    let leak = Leak::start(1);
    let zombie = leak.truths[0].pid;
    assert!(eventually(|| agent.culprit(leak.pid()).is_some()));
    let zombies = agent.zombies().items;
    assert!(zombies.iter().any(|it| it.pid == zombie));
    assert!(zombies.iter().all(|it| it.pid != pid), "{zombies:#?}");
    let parent = story.ancestry.first().expect("it has a parent").pid;
    let culprits = agent.culprits().items;
    let blamed = |it: &api::Culprit| [pid, parent].contains(&it.process.pid);
    assert!(!culprits.iter().any(blamed), "{culprits:#?}");
    let holder = zombies.iter().filter_map(|it| it.parent.as_ref());
    assert!(holder.into_iter().all(|it| it.pid != parent));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn no_metric_counts_a_process_without_its_first_thread() {
    let agent = Agent::start(&["--stale-after", "0", "--reconcile-every", "1s"]);
    let before: Vec<u32> = agent.zombies().items.iter().map(|it| it.pid).collect();
    let one = Staying::start("leader_exited");
    let leak = Leak::start(1);
    // Snapshots came since, and would have shown it.
    assert!(eventually(|| agent.culprit(leak.pid()).is_some()));
    let counted = || {
        let counted = agent.metric("reapwatch_parent_stale_zombies", "comm=\"scenarios\"");
        let zombies = agent.zombies().items;
        let of_ours =
            |it: &&api::Zombie| it.parent.as_ref().is_some_and(|by| by.comm == "scenarios");
        (counted, zombies.iter().filter(of_ours).count() as f64)
    };
    assert!(eventually(|| {
        let (counted, listed) = counted();
        counted.total_cmp(&listed).is_eq()
    }));
    let zombies = agent.zombies().items;
    let new = zombies.iter().filter(|it| !before.contains(&it.pid));
    assert!(new.into_iter().all(|it| it.pid != one.stay.pid));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_dying_process_is_exiting() {
    let agent = Agent::start(&[]);
    let one = Staying::start("exiting");
    let story = agent.explain(one.stay.pid).story;
    assert_eq!(story.state, ProcessState::Exiting, "{story:#?}");
    assert!(story.death.is_none(), "{story:#?}");
    let why = story
        .verdict
        .as_ref()
        .expect("it is stopped on its way out");
    assert_eq!(why.id, "ptrace_exit_stop", "{story:#?}");
    let holder = story.responsible.as_ref().expect("its parent traces it");
    assert_eq!(holder.role, Role::Tracer);
    let stuck = story.stuck.as_ref().expect("it is on its way out");
    assert_eq!(stuck.step, Some("ptrace_exit_stop".into()));
    let [thread] = stuck.threads.as_slice() else {
        panic!("one thread: {stuck:#?}");
    };
    assert_eq!(
        (thread.tid, &*thread.step.0),
        (one.stay.pid, "ptrace_exit_stop")
    );
    let page = agent.explained(one.stay.pid);
    for part in [
        "is exiting",
        "Where it is in the kernel",
        &format!("thread      {} t ptrace_exit_stop: ", one.stay.pid),
        "ptrace_notify",
        "Verdict: ptrace_exit_stop",
    ] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn reaped_processes_are_remembered() {
    let agent = Agent::start(&[]);
    let truths = run("killed_sigkill");
    let truth = &truths[0];
    assert!(eventually(
        || agent.explain(truth.pid).story.state == ProcessState::Reaped
    ));
    let story = agent.explain(truth.pid).story;
    assert_in_order(&story);
    assert_happened(&story, "was killed by SIGKILL");
    let death = story.death.as_ref().expect("it is remembered");
    assert_eq!((death.pid, &death.comm), (truth.pid, &truth.comm));
    let reaper = death.reaper.as_ref().map(|by| by.process.pid);
    assert!(agent.by_tracepoints() || reaper.is_some(), "{story:#?}");
    assert!(
        reaper.is_none() || reaper == truth.reaper.map(|by| by.pid),
        "{story:#?}"
    );
    assert!(story.responsible.is_none() && verdict(&story).is_none());
    let page = agent.explained(truth.pid);
    for part in ["is gone", "was killed by SIGKILL", "got SIGKILL from"] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_reused_pid_is_the_newer_process_and_lists_the_earlier_one() {
    let agent = Agent::start(&[]);
    // Otherwise an ordinary death is remembered only until its PID is used again.
    let _every_death_is_sent = Stream::of(&agent);
    let one = Staying::start("reused");
    let pid = one.stay.pid;
    let explain = || agent.explain(pid).story;
    assert!(
        eventually(|| explain().earlier.len() == 1),
        "{:#?}",
        explain()
    );
    let story = explain();
    assert_eq!(story.state, ProcessState::Alive);
    let (newer, older) = (story.process.clone(), &story.earlier[0]);
    let newer = newer.and_then(|it| it.start_time).expect("it lives");
    let died = older.died_at.or(older.reaped_at);
    assert!(died.is_some_and(|died| died < newer), "{story:#?}");
    assert!(
        agent
            .explained(one.stay.pid)
            .contains("Earlier processes with this PID")
    );
    drop(one);
    let both =
        |story: &Explanation| story.state == ProcessState::Reaped && story.earlier.len() == 1;
    assert!(eventually(|| both(&explain())), "{:#?}", explain());
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn an_unknown_pid_is_explained_with_advice() {
    let agent = Agent::start(&[]);
    let explain = |pid: u32| agent.explain(pid).story;
    let advises = |story: &Explanation, part: &str| {
        assert_eq!((story.state.as_str(), &story.process), ("unknown", &None));
        let text = format!("{} {}", story.summary, story.advice.join(" "));
        assert!(text.contains(part), "{part:?} is not in {story:#?}");
    };
    advises(&explain(i32::MAX as u32), "kernel.pid_max");

    let (send_tid, number) = channel();
    let (end, ends) = channel::<()>();
    let thread = std::thread::spawn(move || {
        // SAFETY: the call has no preconditions.
        send_tid
            .send(unsafe { libc::gettid() } as u32)
            .expect("the test listens");
        let _ended = ends.recv();
    });
    let tid = number.recv().expect("it sends its TID");
    advises(
        &explain(tid),
        &format!("reapwatch explain {}", std::process::id()),
    );
    end.send(()).expect("it waits");
    thread.join().expect("it ends");

    // kthreadd, wherever kernel threads can be seen.
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm.trim() == "kthreadd") {
        advises(&explain(2), "kernel thread");
    }
    let page = agent.explained(i32::MAX as u32);
    assert!(page.contains("Where to look next"), "{page}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_pid_inside_a_container_leads_to_its_pid_on_the_host() {
    let agent = Agent::start(&[]);
    let init = Misbehaving::start("init");
    let of = |zombie: &api::Zombie| {
        let parent = zombie.parent.as_ref();
        parent.is_some_and(|by| by.pid == init.culprit.pid)
    };
    let mut zombie = None;
    assert!(eventually(|| {
        zombie = agent.zombies().items.into_iter().find(of);
        zombie.is_some()
    }));
    let zombie = zombie.expect("it was there").pid;
    let status =
        std::fs::read_to_string(format!("/proc/{zombie}/status")).expect("it is still there");
    let line = status.lines().find(|line| line.starts_with("NSpid:"));
    let own = line.and_then(|line| line.split_whitespace().last()?.parse::<u32>().ok());
    let own = own.expect("it has a number in its namespace");
    // The first numbers are those of kernel threads outside.
    let story = agent.explain(own).story;
    assert_eq!(story.state, ProcessState::Unknown, "{story:#?}");
    let command = format!("reapwatch explain {zombie}");
    assert!(
        story.advice.iter().any(|it| it.contains(&command)),
        "{story:#?}"
    );
}
