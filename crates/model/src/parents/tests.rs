use super::*;
use crate::events::{
    CgroupIds, Death, Event, Exec, ExitStatus, NamespacePid, Release, Renotified, Resources, Task,
    TaskState,
};
use crate::lifecycle::Limits;

const SECOND: u64 = 1_000_000_000;

/// A lifecycle and the statistics that it feeds; children are numbered from 1000.
pub(super) struct World {
    lifecycle: Lifecycle,
    parents: Parents,
}

impl World {
    pub(super) fn new(limit: usize) -> Self {
        let limits = Limits {
            open: 10_000,
            recent: 10_000,
            recent_ns: u64::MAX,
        };
        Self {
            lifecycle: Lifecycle::new(limits),
            parents: Parents::new(limit, 0),
        }
    }

    fn apply(&mut self, event: &Event, now_ns: u64) {
        let mut out = Vec::new();
        self.lifecycle.apply(event, &mut out);
        for transition in &out {
            self.parents.apply(transition, &self.lifecycle, now_ns);
        }
    }

    pub(super) fn dies(&mut self, child: u32, parent: u32, at_ns: u64) {
        self.dies_so(child, parent, at_ns, false);
    }

    fn dies_so(&mut self, child: u32, parent: u32, at_ns: u64, autoreap: bool) {
        self.apply(&death(child, parent, at_ns, autoreap), at_ns);
    }

    pub(super) fn reaps(&mut self, by: u32, child: u32, at_ns: u64) {
        self.apply(&release(by, child, at_ns), at_ns);
    }

    fn adopts(&mut self, by: u32, child: u32, at_ns: u64) {
        self.apply(&adoption(by, child, at_ns), at_ns);
    }

    fn rows(&self, now_ns: u64) -> Vec<Row> {
        self.parents.rows(now_ns, &self.lifecycle)
    }

    pub(super) fn row(&self, tgid: u32, now_ns: u64) -> Row {
        self.rows(now_ns)
            .into_iter()
            .find(|row| row.process.key.tgid == tgid)
            .expect("a row")
    }
}

fn process(tgid: u32) -> Process {
    Process::new(tgid, tgid.into(), &format!("p{tgid}"))
}

fn death(child: u32, parent: u32, at_ns: u64, autoreap: bool) -> Event {
    Event::Death(Box::new(Death {
        at_ns,
        at_is_lower_bound: false,
        process: process(child),
        parent: Some(process(parent)),
        tracer: None,
        forker: None,
        kill: None,
        begin_ns: None,
        status: ExitStatus::Exited(0),
        exit_signal: 17,
        autoreap,
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: Resources::default(),
        steps: None,
        pids: vec![NamespacePid {
            namespace: 1,
            nr: child,
        }],
    }))
}

fn release(by: u32, child: u32, at_ns: u64) -> Event {
    Event::Release(Release {
        at_ns,
        dead: process(child).key,
        by: Process {
            tid: by + 1,
            ..process(by)
        },
        by_thread: None,
        reaper_exiting: false,
        by_itself: false,
    })
}

fn adoption(by: u32, child: u32, at_ns: u64) -> Event {
    let child = NamespacePid {
        namespace: 1,
        nr: child,
    };
    Event::Renotified(Renotified {
        at_ns,
        child,
        parent: process(by),
        autoreap: false,
    })
}

pub(super) fn is(rate: f64, expected: f64) -> bool {
    (rate - expected).abs() < 1e-6
}

#[test]
fn a_parent_that_reaps_every_child_leaks_nothing() {
    let mut world = World::new(16);
    for child in 0..120_u32 {
        let at_ns = 100 * SECOND + u64::from(child) * SECOND / 2;
        world.dies(1000 + child, 1, at_ns);
        world.reaps(1, 1000 + child, at_ns + u64::from(child + 1) * 1000);
    }
    let row = world.row(1, 159 * SECOND);
    assert_eq!(
        (row.zombies, row.oldest_ns, row.reaped_total),
        (0, None, 120)
    );
    assert!(
        is(row.leaked_per_second, 0.0) && is(row.reaped_per_second, 2.0),
        "{row:?}"
    );
    assert_eq!((row.p50_ns, row.p99_ns), (Some(60_000), Some(119_000)));
    assert_eq!((row.process.tid, &*row.process.comm.text()), (1, "p1"));
    assert!(
        world.rows(300 * SECOND).is_empty(),
        "idle and holding nothing"
    );
}

#[test]
fn a_parent_that_reaps_half_of_its_children_leaks_half() {
    let mut world = World::new(16);
    for child in 0..60_u32 {
        let at_ns = 100 * SECOND + u64::from(child) * SECOND;
        world.dies(1000 + child, 1, at_ns);
        if child % 2 == 0 {
            world.reaps(1, 1000 + child, at_ns + 5);
        }
    }
    let row = world.row(1, 159 * SECOND);
    assert_eq!((row.zombies, row.oldest_ns), (30, Some(58 * SECOND)));
    assert!(
        is(row.leaked_per_second, 0.5) && is(row.reaped_per_second, 0.5),
        "{row:?}"
    );
    let later = world.row(1, 1000 * SECOND);
    assert_eq!(later.zombies, 30);
    assert!(
        is(later.leaked_per_second, 0.0),
        "it holds them, but leaks no more"
    );
}

#[test]
fn an_adopter_leaks_what_it_inherits() {
    let mut world = World::new(16);
    for child in 1000..1030 {
        world.dies(child, 7, 100 * SECOND);
    }
    for child in 1000..1030 {
        world.adopts(1, child, 101 * SECOND);
    }
    let rows = world.rows(101 * SECOND);
    assert_eq!(rows.len(), 1, "the dead parent holds and reaps nothing");
    assert_eq!((rows[0].process.key.tgid, rows[0].zombies), (1, 30));
    assert!(is(rows[0].leaked_per_second, 0.5));
    world.reaps(1, 1000, 102 * SECOND);
    let row = world.row(1, 102 * SECOND);
    assert_eq!(
        (row.zombies, row.reaped_total, row.p50_ns),
        (29, 1, Some(2 * SECOND))
    );
}

#[test]
fn an_autoreaped_death_has_no_responsible_process() {
    let mut world = World::new(16);
    world.dies_so(1000, 1, SECOND, true);
    assert!(world.rows(SECOND).is_empty());
    world.dies(1001, 1, SECOND);
    world.dies(1002, 1, SECOND);
    world.dies_so(1003, 1, SECOND, true);
    assert!(
        is(world.row(1, 2 * SECOND).leaked_per_second, 1.0),
        "it does not count as a reap"
    );
}

#[test]
fn the_worst_comes_first() {
    let mut world = World::new(16);
    world.dies(1000, 3, 10 * SECOND);
    world.dies(1001, 4, 9 * SECOND);
    world.dies(1002, 5, 20 * SECOND);
    world.dies(1003, 5, 21 * SECOND);
    world.dies(1004, 6, 22 * SECOND);
    world.reaps(6, 1004, 23 * SECOND);
    let order: Vec<_> = world
        .rows(30 * SECOND)
        .iter()
        .map(|row| row.process.key.tgid)
        .collect();
    assert_eq!(order, [5, 4, 3, 6]);
}

#[test]
fn parents_are_bounded_and_idle_ones_are_evicted_first() {
    let mut world = World::new(8);
    world.dies(1000, 1, SECOND);
    for parent in 2..500 {
        let at_ns = u64::from(parent) * SECOND;
        world.dies(1000 + parent, parent, at_ns);
        world.reaps(parent, 1000 + parent, at_ns + 1);
        assert!(world.parents.of.len() <= 8);
    }
    assert!(world.parents.of.contains_key(&1), "it holds a zombie");
    assert!(world.parents.of.contains_key(&499));
}

#[test]
fn a_reused_pid_is_another_parent() {
    let mut world = World::new(8);
    world.dies(1000, 1, SECOND);
    world.reaps(1, 1000, 2 * SECOND);
    let key = Key {
        tgid: 1,
        start_ns: 3 * SECOND,
    };
    let next = Process {
        key,
        tid: 1,
        comm: "next".into(),
    };
    assert!(world.parents.parent(&next, 4 * SECOND).is_some());
    assert!(
        world.parents.parent(&process(1), 5 * SECOND).is_none(),
        "that one is gone"
    );
    assert_eq!(
        world.parents.get(key).map(|parent| parent.reaping.total),
        Some(0)
    );
}

#[test]
fn events_of_one_batch_are_counted_once() {
    let mut world = World::new(16);
    let mut out = Vec::new();
    for child in 1000..1010 {
        world
            .lifecycle
            .apply(&death(child, 7, SECOND, false), &mut out);
        for adopter in [8, 1] {
            world
                .lifecycle
                .apply(&adoption(adopter, child, SECOND), &mut out);
        }
        if child % 2 == 0 {
            let at_ns = SECOND + 5;
            world.lifecycle.apply(&release(1, child, at_ns), &mut out);
        }
    }
    for transition in &out {
        world.parents.apply(transition, &world.lifecycle, SECOND);
    }
    let row = world.row(1, SECOND);
    assert_eq!((row.zombies, row.reaped_total), (5, 5));
    assert!(is(row.leaked_per_second, 5.0), "{row:?}");
    assert_eq!(world.parents.holders.len(), 5);
}

#[test]
fn zombies_without_room_are_counted_with_their_parent_and_leak_as_others_do() {
    let mut world = World::new(16);
    let limits = Limits {
        open: 10,
        recent: 10,
        recent_ns: u64::MAX,
    };
    world.lifecycle = Lifecycle::new(limits);
    for child in 1000..1600 {
        world.dies(child, 1, 59 * SECOND);
    }
    let row = world.row(1, 60 * SECOND);
    assert_eq!(row.zombies, 600);
    assert!(is(row.leaked_per_second, 10.0), "{row:?}");
    for child in 1000..1600 {
        world.reaps(1, child, 61 * SECOND);
    }
    let row = world.row(1, 62 * SECOND);
    assert_eq!((row.zombies, row.reaped_total), (0, 600));
    assert!(is(row.leaked_per_second, 0.0), "{row:?}");
    assert!(world.parents.holders.is_empty());
}

fn execed(tgid: u32, at_ns: u64) -> Execed {
    Execed {
        at_ns,
        process: Process {
            comm: "app".into(),
            ..process(tgid)
        },
        former: "sh".into(),
    }
}

fn snapshot(ended_ns: u64, tasks: Vec<Task>) -> Snapshot {
    Snapshot {
        begun_ns: ended_ns - 1,
        ended_ns,
        exact_start: true,
        tasks: tasks.into(),
    }
}

#[test]
fn reaps_before_an_exec_are_not_counted() {
    let mut world = World::new(16);
    for child in 1000..1010 {
        world.dies(child, 1, 10 * SECOND);
        world.reaps(1, child, 11 * SECOND);
    }
    world.dies(1010, 1, 12 * SECOND);
    world.parents.exec(&execed(1, 20 * SECOND));
    let row = world.row(1, 21 * SECOND);
    assert_eq!((row.zombies, row.reaped_total), (1, 0), "it still holds it");
    assert_eq!((row.p50_ns, &*row.process.comm.text()), (None, "app"));
    assert!(
        is(row.leaked_per_second, 0.0) && is(row.reaped_per_second, 0.0),
        "{row:?}"
    );
    assert_eq!(world.parents.reaping(process(1).key).last_ns, None);
    for child in 1011..1013 {
        world.dies(child, 1, 22 * SECOND);
    }
    // The two seconds of this program alone.
    assert!(is(world.row(1, 22 * SECOND).leaked_per_second, 1.0));
}

#[test]
fn a_reap_before_an_exec_does_not_count_for_the_new_program() {
    let mut world = World::new(16);
    world.dies(1000, 1, 10 * SECOND);
    world.parents.exec(&execed(1, 20 * SECOND));
    world.reaps(1, 1000, 19 * SECOND);
    assert_eq!(world.parents.reaping(process(1).key).total, 0);
}

#[test]
fn an_exec_without_an_event_is_found_once_by_a_snapshot() {
    let mut world = World::new(16);
    world.dies(1000, 1, 10 * SECOND);
    world.reaps(1, 1000, 11 * SECOND);
    let mut task = Task::new(process(1), TaskState::Alive);
    task.exec = Some(Box::new(Exec {
        at_ns: 12 * SECOND,
        former: "sh".into(),
    }));
    world
        .parents
        .observe(&snapshot(13 * SECOND, vec![task.clone()]));
    assert_eq!(world.parents.reaping(process(1).key).total, 0);
    world.dies(1001, 1, 14 * SECOND);
    world.reaps(1, 1001, 15 * SECOND);
    world.parents.observe(&snapshot(16 * SECOND, vec![task]));
    assert_eq!(world.parents.reaping(process(1).key).total, 1);
}

#[test]
fn a_process_known_since_its_exec_keeps_its_history() {
    let mut world = World::new(16);
    world.dies(1000, 1, 10 * SECOND);
    world.reaps(1, 1000, 11 * SECOND);
    let mut task = Task::new(process(1), TaskState::Alive);
    task.exec = Some(Box::new(Exec {
        at_ns: 9 * SECOND,
        former: "sh".into(),
    }));
    world.parents.observe(&snapshot(13 * SECOND, vec![task]));
    assert_eq!(world.parents.reaping(process(1).key).total, 1);
}

#[test]
fn a_holder_is_shown_with_its_current_name() {
    let mut world = World::new(16);
    world.dies(1000, 1, 10 * SECOND);
    let renamed = Process {
        comm: "renamed".into(),
        ..process(1)
    };
    let zombie = Task {
        parent: Some(renamed),
        ..Task::new(process(1000), TaskState::Zombie)
    };
    let tasks = vec![Task::new(renamed, TaskState::Alive), zombie];
    world.parents.observe(&snapshot(11 * SECOND, tasks));
    assert_eq!(world.row(1, 11 * SECOND).process.comm, "renamed");
    // A reap that does not say by whom leaves the name alone.
    let freed = Event::Freed(crate::events::Freed {
        at_ns: 12 * SECOND,
        dead: process(1000).key,
    });
    world.apply(&freed, 12 * SECOND);
    let row = world.parents.row_of(&process(1), &[], 12 * SECOND);
    assert_eq!(row.process.comm, "renamed");
}

#[test]
fn one_event_has_no_rate() {
    let mut world = World::new(16);
    world.dies(1000, 1, 10 * SECOND);
    world.reaps(1, 1000, 11 * SECOND);
    world.dies(1001, 2, 10 * SECOND);
    let (one, other) = (world.row(1, 12 * SECOND), world.row(2, 12 * SECOND));
    assert!(is(one.reaped_per_second, 0.0), "{one:?}");
    assert!(is(other.leaked_per_second, 0.0), "{other:?}");
    // Nor does the one that was left of many.
    for child in 2000..2010 {
        world.dies(child, 3, 10 * SECOND);
        world.reaps(3, child, 11 * SECOND);
    }
    world.dies(2010, 3, 11 * SECOND);
    let third = world.row(3, 12 * SECOND);
    assert!(is(third.leaked_per_second, 0.0), "{third:?}");
    world.dies(2011, 3, 11 * SECOND);
    assert!(world.row(3, 12 * SECOND).leaked_per_second > 0.0);
}

#[test]
fn a_parent_that_misses_one_child_has_no_leak_rate() {
    let mut world = World::new(8);
    for second in 1..20_u32 {
        let at_ns = u64::from(second) * SECOND;
        world.dies(100 + second, 1, at_ns);
        if second != 7 {
            world.reaps(1, 100 + second, at_ns + 1);
        }
    }
    let row = world.row(1, 20 * SECOND);
    assert!(
        row.zombies == 1 && is(row.leaked_per_second, 0.0),
        "{row:?}"
    );
}

#[test]
fn a_young_parent_does_not_divide_by_the_time_before_it() {
    let mut world = World::new(8);
    for second in 61..65 {
        let Event::Death(mut death) = death(1000 + second, 1, u64::from(second) * SECOND, false)
        else {
            unreachable!("it is a death");
        };
        let parent = death.parent.as_mut().expect("it has a parent");
        parent.key.start_ns = 60 * SECOND;
        world.apply(&Event::Death(death), u64::from(second) * SECOND);
    }
    let row = world.row(1, 64 * SECOND);
    assert!(is(row.leaked_per_second, 1.0), "{row:?}");
}
