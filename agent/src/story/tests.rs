use super::*;
use crate::events::{CgroupIds, ExitStatus, Key, Kill, KillBy, Task, TaskState};
use crate::lifecycle::{Died, DiedBound, Former, How, Reap};

const SECOND: u64 = 1_000_000_000;
/// When the snapshot began; it ended one second later, and the story is told one after that.
const BEGUN: u64 = 100 * SECOND;
const NOW: u64 = BEGUN + 2 * SECOND;

fn process(tgid: u32, comm: &str) -> Process {
    Process {
        key: Key {
            tgid,
            start_ns: u64::from(tgid) * SECOND,
        },
        tid: tgid,
        comm: comm.to_owned(),
    }
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
        by_thread: Some("reaper".to_owned()),
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
fn snapshot(child: Option<Task>) -> Snapshot {
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

struct Told {
    story: Story,
    states: Vec<State>,
}

fn told(records: &[Record], snapshot: Option<&Snapshot>, seen: &Seen, held: u64) -> Told {
    let known = Known {
        pid: 10,
        now_ns: NOW,
        began_ns: 0,
        remembered_ns: 300 * SECOND,
        records: records.iter().collect(),
        snapshot,
        seen,
    };
    let lives = lives(&known);
    Told {
        story: tell(&known, lives.first(), held),
        states: lives.iter().map(|life| life.state).collect(),
    }
}

fn whats(story: &Story) -> Vec<&str> {
    story.timeline.iter().map(|it| it.what.as_str()).collect()
}

fn phases(story: &Story) -> Vec<(&str, u64, Bound)> {
    let phases = story.phases.iter();
    phases.map(|it| (it.name, it.ns, it.bound)).collect()
}

#[test]
fn a_living_process_has_ancestors_and_maybe_zombies() {
    let snapshot = snapshot(Some(child(TaskState::Alive)));
    let told = told(&[], Some(&snapshot), &Seen::default(), 2).story;
    assert!(told.summary.contains("2 zombies"), "{}", told.summary);
    let ancestry: Vec<_> = told.ancestry.iter().map(|it| it.key.tgid).collect();
    assert_eq!(ancestry, [5, 1]);
    assert_eq!(whats(&told), ["started; its forker was not seen"]);
}

#[test]
fn one_that_lost_its_first_thread_is_alive() {
    let snapshot = snapshot(Some(child(TaskState::LeaderExited)));
    let seen = Seen {
        threads: Some(4),
        ..Seen::default()
    };
    let told = told(&[], Some(&snapshot), &seen, 0).story;
    assert_eq!(
        (told.state, told.state.name()),
        (State::LeaderExited, "alive")
    );
    assert!(told.summary.contains("3 threads"), "{}", told.summary);
    let verdict = leader_exited(&process(10, "child"), Some(1));
    assert_eq!(verdict.id, "leader_exited");
    assert!(
        verdict.summary.contains("not a zombie"),
        "{}",
        verdict.summary
    );
}

#[test]
fn one_on_its_way_out_is_told_with_since_when() {
    let mut task = child(TaskState::Exiting);
    task.begin_ns = Some(NOW - 7 * SECOND);
    let snapshot = snapshot(Some(task));
    let told = told(&[], Some(&snapshot), &Seen::default(), 0).story;
    assert!(told.summary.contains("exiting for 7s"), "{}", told.summary);
    assert_eq!(phases(&told), [("exit", 7 * SECOND, Bound::AtLeast)]);
}

#[test]
fn one_that_was_killed_inside_the_kernel_has_not_begun_to_exit() {
    let mut task = child(TaskState::Exiting);
    task.kill = Some(Kill {
        process: Some(process(7, "bash")),
        by: Some(KillBy::Process),
        signal: 9,
        at_ns: NOW - 7 * SECOND,
    });
    let seen = |exit| Seen {
        exit,
        ..Seen::default()
    };
    let snapshot_of = |task: &Task| snapshot(Some(task.clone()));
    let waiting = told(
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
    let exiting = told(&[], Some(&snapshot_of(&task)), &seen(Some(Exit::Begun)), 0).story;
    assert_ne!(
        (&waiting.summary, waiting.meaning),
        (&exiting.summary, exiting.meaning)
    );
    let dumping = told(
        &[],
        Some(&snapshot_of(&task)),
        &seen(Some(Exit::DumpingCore)),
        0,
    )
    .story;
    assert_ne!(dumping.meaning, exiting.meaning);
    // What the kernel side saw begin has begun.
    task.begin_ns = Some(NOW - SECOND);
    let begun = told(
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
fn a_signal_that_a_living_process_has_not_taken_is_told_with_the_reason() {
    let mut task = child(TaskState::Alive);
    task.stop_signal = Some(19);
    task.kill = Some(Kill {
        process: Some(process(7, "bash")),
        by: Some(KillBy::Process),
        signal: 15,
        at_ns: NOW - 7 * SECOND,
    });
    let told = |pending, stopped| {
        let seen = Seen {
            pending,
            stopped,
            ..Seen::default()
        };
        told(&[], Some(&snapshot(Some(task.clone()))), &seen, 0).story
    };
    let stopped = told(Some((15, Fate::Stopped)), Some(Stop::Signal));
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
    let blocked = told(Some((15, Fate::Blocked)), None);
    assert!(
        blocked.advice[0].contains("blocks it"),
        "{:?}",
        blocked.advice
    );
    // Another signal than the one that was seen came from somebody else.
    let other = told(Some((2, Fate::Blocked)), None);
    assert_eq!(other.timeline.last().and_then(|it| it.at_ns), None);
    // One that it has taken since is no news.
    assert_eq!(
        whats(&told(None, None)),
        ["started; its forker was not seen"]
    );
}

#[test]
fn a_zombie_is_told_with_who_must_reap_it() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let killed = Record {
        kill: Some(Kill {
            process: Some(process(7, "bash")),
            by: Some(KillBy::Process),
            signal: 9,
            at_ns: 19 * SECOND,
        }),
        status: Some(ExitStatus::Killed(9)),
        ..record()
    };
    let told = told(&[killed], Some(&snapshot), &Seen::default(), 0).story;
    for fact in ["child (PID 10)", "zombie for 82s", "parent (PID 5)"] {
        assert!(told.summary.contains(fact), "{}", told.summary);
    }
    assert_eq!(
        whats(&told),
        [
            "started by parent (PID 5)",
            "got SIGKILL from bash (PID 7)",
            "began to exit: its program no longer runs",
            "was killed by SIGKILL and became a zombie; parent (PID 5) was notified",
        ]
    );
    assert_eq!(
        phases(&told),
        [
            ("signal", SECOND - 1_000, Bound::Exact),
            ("exit", 1_000, Bound::Exact),
            ("zombie", 82 * SECOND, Bound::Exact)
        ]
    );
}

#[test]
fn a_zombie_that_was_there_before_is_a_bound() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let mut found = record();
    found.died.bound = DiedBound::NotAfter;
    found.begin_ns = None;
    let told = told(&[found], Some(&snapshot), &Seen::default(), 0).story;
    assert!(told.summary.contains("for at least 82s"), "{told:#?}");
    assert_eq!(phases(&told), [("zombie", 82 * SECOND, Bound::AtLeast)]);
    assert_eq!(told.timeline.last().map(|it| it.bound), Some(Bound::AtMost));
}

#[test]
fn a_tracer_and_an_adopter_are_named() {
    let snapshot = snapshot(Some(child(TaskState::Zombie)));
    let held = Record {
        tracer: Some(process(8, "gdb")),
        forker: Some(process(6, "shell")),
        ..record()
    };
    let told = told(&[held], Some(&snapshot), &Seen::default(), 0).story;
    assert!(
        told.summary
            .ends_with("its tracer gdb (PID 8) keeps parent (PID 5) from reaping it"),
        "{told:#?}"
    );
    let whats = whats(&told);
    assert!(whats.contains(&"parent (PID 5) became its parent, replacing shell (PID 6)"));
    assert!(
        whats
            .iter()
            .any(|what| what.contains("its tracer gdb (PID 8)"))
    );
}

#[test]
fn each_who_did_not_reap_it_is_named_until_when() {
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
    let told = told(&[adopted], Some(&snapshot), &Seen::default(), 0).story;
    let moments: Vec<_> = told
        .timeline
        .iter()
        .map(|it| (it.at_ns, &*it.what))
        .collect();
    let expected = [
        (
            20,
            "exited with code 3 and became a zombie; gdb (PID 8) was notified",
        ),
        (
            22,
            "its tracer gdb (PID 8) released it; parent (PID 5) has to reap it now",
        ),
        (
            25,
            "parent (PID 5) exited without reaping it; init (PID 1) has to reap it now",
        ),
    ];
    let expected = expected.map(|(at, what)| (Some(at * SECOND), what));
    assert!(moments.ends_with(&expected), "{moments:#?}");
    assert!(
        !moments
            .iter()
            .any(|(_, what)| what.contains("became its parent"))
    );
}

#[test]
fn the_reaped_are_told_by_how_they_went() {
    let snapshot = snapshot(None);
    let story = |reap: Option<Reap>| {
        let record = Record { reap, ..record() };
        told(&[record], Some(&snapshot), &Seen::default(), 0).story
    };
    let waited = story(Some(reap(How::Wait, Some(process(5, "parent")))));
    for told in ["exited with code 3", "reaped by parent (PID 5)", "72s ago"] {
        assert!(waited.summary.contains(told), "{}", waited.summary);
    }
    assert_eq!(phases(&waited)[1], ("zombie", 10 * SECOND, Bound::Exact));
    let by_thread = Process {
        tid: 8,
        ..process(5, "parent")
    };
    let by_thread = story(Some(reap(How::Wait, Some(by_thread))));
    let named = "thread 8 (reaper) of parent (PID 5)";
    let told = by_thread.timeline.iter().any(|it| it.what.contains(named));
    assert!(told, "{by_thread:#?}");
    let mut at_once = reap(How::Autoreap, None);
    at_once.at_ns = Some(20 * SECOND);
    let at_once = story(Some(at_once));
    assert!(at_once.summary.contains("auto-reaped"), "{at_once:#?}");
    assert_eq!(phases(&at_once).len(), 1, "it was no zombie");
    // Nothing told of its reap, and the snapshot does not show it.
    let vanished = story(None);
    assert_eq!(vanished.state, State::Reaped);
    assert!(
        vanished.summary.contains("was reaped, 1s ago"),
        "{vanished:#?}"
    );
    assert_eq!(phases(&vanished)[1].2, Bound::AtMost);
}

#[test]
fn one_that_died_during_the_snapshot_is_a_zombie_still() {
    let snapshot = snapshot(None);
    let mut late = record();
    late.died.at_ns = BEGUN + 1;
    let told = told(&[late], Some(&snapshot), &Seen::default(), 0);
    assert_eq!(told.states, [State::Zombie]);
}

#[test]
fn a_number_used_again_is_its_last_process() {
    let mut older = record();
    older.process.key.start_ns = SECOND;
    older.reap = Some(reap(How::Wait, Some(process(5, "parent"))));
    let snapshot = snapshot(Some(child(TaskState::Alive)));
    let alive = told(&[older.clone()], Some(&snapshot), &Seen::default(), 0);
    assert_eq!(alive.states, [State::Alive, State::Reaped]);
    let dead = told(&[record(), older], None, &Seen::default(), 0);
    assert_eq!(dead.states, [State::Zombie, State::Reaped]);
}

#[test]
fn one_that_only_proc_shows_is_alive_unless_its_death_is_known() {
    let seen = Seen {
        process: Some(process(10, "child")),
        ..Seen::default()
    };
    let empty = snapshot(None);
    assert_eq!(told(&[], Some(&empty), &seen, 0).states, [State::Alive]);
    assert_eq!(told(&[record()], None, &seen, 0).states, [State::Zombie]);
}

#[test]
fn of_nobody_it_says_what_to_look_at() {
    let empty = snapshot(None);
    let advice = |seen: &Seen| {
        let story = told(&[], Some(&empty), seen, 0).story;
        assert_eq!((story.state, &story.process), (State::Unknown, &None));
        format!("{}; {}", story.summary, story.advice.join("; "))
    };
    let nobody = advice(&Seen::default());
    assert!(nobody.contains("no process has PID 10"), "{nobody}");
    assert!(nobody.contains("journalctl _PID=10"), "{nobody}");
    let high = advice(&Seen {
        pid_max: Some(10),
        ..Seen::default()
    });
    assert!(high.contains("no PID of 10 or above"), "{high}");
    let thread = advice(&Seen {
        thread_of: Some((9, "java".to_owned())),
        ..Seen::default()
    });
    assert!(thread.contains("a thread of java (PID 9)"), "{thread}");
    let kernel = advice(&Seen {
        kernel_thread: Some("kswapd0".to_owned()),
        namesakes: vec![(4242, "nginx".to_owned())],
        ..Seen::default()
    });
    assert!(
        kernel.contains("kswapd0 (PID 10) is a kernel thread"),
        "{kernel}"
    );
    assert!(kernel.contains("nginx has PID 10"), "{kernel}");
    assert!(kernel.contains("reapwatch explain 4242"), "{kernel}");
}
