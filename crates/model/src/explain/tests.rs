use super::*;
use crate::events::{CgroupIds, ExitStatus, Kill, KillBy, Task, TaskState};
use crate::lifecycle::{Died, DiedBound, Former, How, Reap};

const SECOND: u64 = 1_000_000_000;
/// When the snapshot began. It ended one second later, and the story is made one second after that.
const BEGUN: u64 = 100 * SECOND;
const NOW: u64 = BEGUN + 2 * SECOND;

fn process(tgid: u32, comm: &str) -> Process {
    Process::new(tgid, u64::from(tgid) * SECOND, comm)
}

/// Child 10 of parent 5, dead since 20 s.
fn record() -> Record {
    Record {
        process: process(10, "child"),
        parent: Some(process(5, "parent")),
        tracer: None,
        former: Vec::new(),
        forker: Some(process(5, "parent")),
        kill: None,
        begin_ns: Some(20 * SECOND - 1_000),
        died: Died {
            at_ns: 20 * SECOND,
            bound: DiedBound::Exact,
        },
        status: Some(ExitStatus::Exited(3)),
        exit_signal: Some(17),
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: None,
        steps: None,
        pids: Vec::new(),
        reap: None,
    }
}

fn reap(how: How, by: Option<Process>) -> Reap {
    Reap {
        at_ns: Some(30 * SECOND),
        at_is_upper_bound: false,
        by,
        by_thread: Some("reaper".into()),
        how,
    }
}

fn task(tgid: u32, comm: &str, state: TaskState, parent: Option<Process>) -> Task {
    Task {
        parent,
        ..Task::new(process(tgid, comm), state)
    }
}

/// The init, its child the parent, and `child` if there is one.
pub(super) fn snapshot(child: Option<Task>) -> Snapshot {
    let init = task(1, "init", TaskState::Alive, None);
    let parent = task(5, "parent", TaskState::Alive, Some(process(1, "init")));
    Snapshot {
        begun_ns: BEGUN,
        ended_ns: BEGUN + SECOND,
        exact_start: true,
        tasks: [init, parent].into_iter().chain(child).collect(),
    }
}

fn child(state: TaskState) -> Task {
    task(10, "child", state, Some(process(5, "parent")))
}

pub(super) struct Told {
    pub(super) story: Story,
    states: Vec<State>,
}

pub(super) fn explained(
    records: &[Record],
    snapshot: Option<&Snapshot>,
    seen: &Seen,
    held: u64,
) -> Told {
    let known = Known {
        pid: 10,
        now_ns: NOW,
        began_ns: 0,
        remembered_ns: 300 * SECOND,
        records: records.iter().collect(),
        snapshot,
        seen,
    };
    let shown = snapshot.and_then(|snapshot| snapshot.tasks.of_tgid(10));
    let lives = lives(&known, shown.as_ref());
    Told {
        story: story(&known, lives.first(), held),
        states: lives.iter().map(|life| life.state).collect(),
    }
}

fn whats(story: &Story) -> Vec<&str> {
    story.timeline.iter().map(|it| it.what.as_str()).collect()
}

/// That each line mentions these facts, in order.
#[track_caller]
fn assert_mentions(lines: &[&str], facts: &[&[&str]]) {
    assert_eq!(lines.len(), facts.len(), "{lines:#?}");
    for (line, facts) in lines.iter().zip(facts) {
        let mut rest = *line;
        for fact in *facts {
            let at = rest.find(fact);
            let at = at.unwrap_or_else(|| panic!("{fact:?} is not in {line:?}"));
            rest = &rest[at + fact.len()..];
        }
    }
}

fn phases(story: &Story) -> Vec<(PhaseName, u64, Bound)> {
    let phases = story.phases.iter();
    phases.map(|it| (it.name, it.ns, it.bound)).collect()
}

#[test]
fn a_living_process_has_ancestors_and_may_hold_zombies() {
    let snapshot = snapshot(Some(child(TaskState::Alive)));
    let explained = explained(&[], Some(&snapshot), &Seen::default(), 2).story;
    assert!(
        explained.summary.contains("2 zombies"),
        "{}",
        explained.summary
    );
    let ancestry: Vec<_> = explained.ancestry.iter().map(|it| it.key.tgid).collect();
    assert_eq!(ancestry, [5, 1]);
    assert_mentions(&whats(&explained), &[&["started"]]);
}

#[test]
fn a_process_without_its_first_thread_is_alive() {
    let snapshot = snapshot(Some(child(TaskState::LeaderExited)));
    let seen = Seen {
        threads: Some(4),
        ..Seen::default()
    };
    let explained = explained(&[], Some(&snapshot), &seen, 0).story;
    assert_eq!(
        (explained.state, explained.state.for_answer()),
        (State::LeaderExited, api::ProcessState::Alive)
    );
    assert!(
        explained.summary.contains("3 threads"),
        "{}",
        explained.summary
    );
    let verdict = leader_exited(&process(10, "child"), Some(1));
    assert_eq!(verdict.id, "leader_exited");
    assert!(
        verdict.summary.contains("not a zombie"),
        "{}",
        verdict.summary
    );
}

#[test]
fn an_exiting_process_is_shown_with_its_duration() {
    let mut task = child(TaskState::Exiting);
    task.begin_ns = Some(NOW - 7 * SECOND);
    let snapshot = snapshot(Some(task));
    let explained = explained(&[], Some(&snapshot), &Seen::default(), 0).story;
    assert!(
        explained.summary.contains("exiting for 7s"),
        "{}",
        explained.summary
    );
    assert_eq!(
        phases(&explained),
        [(PhaseName::Exit, 7 * SECOND, Bound::AtLeast)]
    );
}

#[test]
fn a_process_killed_inside_the_kernel_has_not_begun_to_exit() {
    let mut task = child(TaskState::Exiting);
    task.kill = Some(Box::new(Kill {
        process: Some(process(7, "bash")),
        by: Some(KillBy::Process),
        signal: 9,
        at_ns: NOW - 7 * SECOND,
    }));
    let seen = |exit| Seen {
        exit,
        ..Seen::default()
    };
    let snapshot_of = |task: &Task| snapshot(Some(task.clone()));
    let waiting = explained(
        &[],
        Some(&snapshot_of(&task)),
        &seen(Some(Exit::NotBegun)),
        0,
    )
    .story;
    assert_eq!(waiting.exit, Some(Exit::NotBegun));
    assert!(
        waiting.summary.contains("killed 7s ago"),
        "{}",
        waiting.summary
    );
    let exiting = explained(&[], Some(&snapshot_of(&task)), &seen(Some(Exit::Begun)), 0).story;
    assert_ne!(
        (&waiting.summary, waiting.meaning),
        (&exiting.summary, exiting.meaning)
    );
    let dumping = explained(
        &[],
        Some(&snapshot_of(&task)),
        &seen(Some(Exit::DumpingCore)),
        0,
    )
    .story;
    assert_ne!(dumping.meaning, exiting.meaning);
    // An exit that the probes saw begin has begun.
    task.begin_ns = Some(NOW - SECOND);
    let begun = explained(
        &[],
        Some(&snapshot_of(&task)),
        &seen(Some(Exit::NotBegun)),
        0,
    )
    .story;
    assert_eq!(
        (begun.exit, begun.meaning),
        (Some(Exit::Begun), exiting.meaning)
    );
}

#[test]
fn a_pending_signal_is_shown_with_its_reason() {
    let mut task = child(TaskState::Alive);
    task.stop_signal = Some(19);
    task.kill = Some(Box::new(Kill {
        process: Some(process(7, "bash")),
        by: Some(KillBy::Process),
        signal: 15,
        at_ns: NOW - 7 * SECOND,
    }));
    let explained = |pending, stopped| {
        let seen = Seen {
            pending,
            stopped,
            ..Seen::default()
        };
        explained(&[], Some(&snapshot(Some(task.clone()))), &seen, 0).story
    };
    let stopped = explained(Some((15, Fate::Stopped)), Some(Stop::Signal));
    assert!(
        stopped.summary.contains("stopped by SIGSTOP"),
        "{}",
        stopped.summary
    );
    let last = stopped.timeline.last().expect("it has one");
    assert_eq!(last.at_ns, Some(NOW - 7 * SECOND));
    assert!(
        last.what.contains("SIGTERM from bash (PID 7)"),
        "{}",
        last.what
    );
    assert!(
        stopped.advice[0].contains("kill -CONT 10"),
        "{:?}",
        stopped.advice
    );
    let blocked = explained(Some((15, Fate::Blocked)), None);
    assert!(
        blocked.advice[0].contains("blocks it"),
        "{:?}",
        blocked.advice
    );
    // Another signal than the one that was seen has another sender.
    let other = explained(Some((2, Fate::Blocked)), None);
    assert_eq!(other.timeline.last().and_then(|it| it.at_ns), None);
    // A signal that it has handled since is not shown.
    assert_mentions(&whats(&explained(None, None)), &[&["started"]]);
}

#[test]
fn a_zombie_is_shown_with_its_parent() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let killed = Record {
        kill: Some(Box::new(Kill {
            process: Some(process(7, "bash")),
            by: Some(KillBy::Process),
            signal: 9,
            at_ns: 19 * SECOND,
        })),
        status: Some(ExitStatus::Killed(9)),
        ..record()
    };
    let explained = explained(&[killed], Some(&snapshot), &Seen::default(), 0).story;
    for fact in ["child (PID 10)", "zombie for 1m22s", "parent (PID 5)"] {
        assert!(explained.summary.contains(fact), "{}", explained.summary);
    }
    assert_mentions(
        &whats(&explained),
        &[
            &["started", "parent (PID 5)"],
            &["SIGKILL", "bash (PID 7)"],
            &["exit"],
            &["killed by SIGKILL", "zombie", "parent (PID 5)"],
        ],
    );
    assert_eq!(
        phases(&explained),
        [
            (PhaseName::Signal, SECOND - 1_000, Bound::Exact),
            (PhaseName::Exit, 1_000, Bound::Exact),
            (PhaseName::Zombie, 82 * SECOND, Bound::Exact)
        ]
    );
}

#[test]
fn the_age_of_an_earlier_zombie_is_a_bound() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let mut found = record();
    found.died.bound = DiedBound::NotAfter;
    found.begin_ns = None;
    let explained = explained(&[found], Some(&snapshot), &Seen::default(), 0).story;
    assert!(
        explained.summary.contains("for at least 1m22s"),
        "{explained:#?}"
    );
    assert_eq!(
        phases(&explained),
        [(PhaseName::Zombie, 82 * SECOND, Bound::AtLeast)]
    );
    assert_eq!(
        explained.timeline.last().map(|it| it.bound),
        Some(Bound::AtMost)
    );
}

#[test]
fn a_tracer_and_an_adopter_are_named() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let held = Record {
        tracer: Some(process(8, "gdb")),
        forker: Some(process(6, "shell")),
        ..record()
    };
    let explained = explained(&[held], Some(&snapshot), &Seen::default(), 0).story;
    for name in ["gdb (PID 8)", "parent (PID 5)"] {
        assert!(explained.summary.contains(name), "{explained:#?}");
    }
    let whats = whats(&explained);
    let has = |names: &[&str]| {
        let mut lines = whats.iter();
        lines.any(|what| names.iter().all(|name| what.contains(name)))
    };
    assert!(has(&["parent (PID 5)", "shell (PID 6)"]), "{whats:#?}");
    assert!(has(&["tracer gdb (PID 8)"]), "{whats:#?}");
}

#[test]
fn former_parents_are_named_with_how_they_ended() {
    let former = |pid, comm, was_tracer, until_ns| Former {
        process: process(pid, comm),
        was_tracer,
        until_ns,
        until_is_upper_bound: false,
    };
    let adopted = Record {
        parent: Some(process(1, "init")),
        former: vec![
            former(8, "gdb", true, 22 * SECOND),
            former(5, "parent", false, 25 * SECOND),
        ],
        ..record()
    };
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let explained = explained(&[adopted], Some(&snapshot), &Seen::default(), 0).story;
    let last = &explained.timeline[explained.timeline.len() - 3..];
    let seconds = last
        .iter()
        .map(|it| it.at_ns.map(|at_ns| at_ns / SECOND))
        .collect::<Vec<_>>();
    assert_eq!(seconds, [Some(20), Some(22), Some(25)], "{explained:#?}");
    let last: Vec<_> = last.iter().map(|it| it.what.as_str()).collect();
    assert_mentions(
        &last,
        &[
            &["exited with code 3", "zombie", "gdb (PID 8)"],
            &["gdb (PID 8)", "parent (PID 5)"],
            &["parent (PID 5)", "init (PID 1)"],
        ],
    );
    // A move to a new parent before the death would be another moment.
    let moved = |it: &&Moment| it.at_ns.is_none();
    assert_eq!(
        explained.timeline.iter().filter(moved).count(),
        0,
        "{explained:#?}"
    );
}

#[test]
fn a_reaped_process_is_shown_with_how_it_was_reaped() {
    let snapshot = snapshot(None);
    let story = |reap: Option<Reap>| {
        let reap = reap.map(Box::new);
        let record = Record { reap, ..record() };
        explained(&[record], Some(&snapshot), &Seen::default(), 0).story
    };
    let waited = story(Some(reap(How::Wait, Some(process(5, "parent")))));
    for explained in [
        "exited with code 3",
        "reaped by parent (PID 5)",
        "1m12s ago",
    ] {
        assert!(waited.summary.contains(explained), "{}", waited.summary);
    }
    assert_eq!(
        phases(&waited)[1],
        (PhaseName::Zombie, 10 * SECOND, Bound::Exact)
    );
    let by_thread = Process {
        tid: 8,
        ..process(5, "parent")
    };
    let by_thread = story(Some(reap(How::Wait, Some(by_thread))));
    let named = "thread 8 (reaper) of parent (PID 5)";
    let explained = by_thread.timeline.iter().any(|it| it.what.contains(named));
    assert!(explained, "{by_thread:#?}");
    let mut at_once = reap(How::Autoreap, None);
    at_once.at_ns = Some(20 * SECOND);
    let at_once = story(Some(at_once));
    assert!(at_once.summary.contains("auto-reaped"), "{at_once:#?}");
    assert_eq!(phases(&at_once).len(), 1, "it was no zombie");
    // Its reap was not seen, and the snapshot does not show it.
    let vanished = story(None);
    assert_eq!(vanished.state, State::Reaped);
    for fact in ["reaped", "1s ago"] {
        assert!(vanished.summary.contains(fact), "{vanished:#?}");
    }
    assert_eq!(phases(&vanished)[1].2, Bound::AtMost);
}

#[test]
fn phases_are_in_the_order_in_which_they_happened() {
    let mut record = record();
    let steps = record.steps.insert(Box::default());
    (steps.exit_handlers, steps.releasing_memory) = (Some(9), Some(5));
    let story = explained(&[record], None, &Seen::default(), 0).story;
    let names: Vec<&str> = story.phases.iter().map(|it| it.name.into()).collect();
    assert_eq!(names[..3], ["exit_handlers", "exit", "releasing_memory"]);
}

#[test]
fn a_process_that_died_during_the_snapshot_is_a_zombie() {
    let snapshot = snapshot(None);
    let mut late = record();
    late.died.at_ns = BEGUN + 1;
    let explained = explained(&[late], Some(&snapshot), &Seen::default(), 0);
    assert_eq!(explained.states, [State::Zombie]);
}

#[test]
fn a_reused_pid_is_its_last_process() {
    let mut older = record();
    older.process.key.start_ns = SECOND;
    older.reap = Some(Box::new(reap(How::Wait, Some(process(5, "parent")))));
    let snapshot = snapshot(Some(child(TaskState::Alive)));
    let alive = explained(&[older.clone()], Some(&snapshot), &Seen::default(), 0);
    assert_eq!(alive.states, [State::Alive, State::Reaped]);
    let dead = explained(&[record(), older], None, &Seen::default(), 0);
    assert_eq!(dead.states, [State::Zombie, State::Reaped]);
}

#[test]
fn a_process_that_only_proc_shows_is_alive_unless_its_death_is_known() {
    let seen = Seen {
        process: Some(process(10, "child")),
        ..Seen::default()
    };
    let empty = snapshot(None);
    assert_eq!(
        explained(&[], Some(&empty), &seen, 0).states,
        [State::Alive]
    );
    assert_eq!(
        explained(&[record()], None, &seen, 0).states,
        [State::Zombie]
    );
}
