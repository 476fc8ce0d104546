use super::*;
use crate::events::{CgroupIds, Exec, NamespacePid, TaskState};
use crate::lifecycle::{Died, DiedBound};

const HOLDER: Key = Key {
    tgid: 10,
    start_ns: 1_000,
};

fn process(tgid: u32, start_ns: u64) -> Process {
    Process::new(tgid, start_ns, &format!("p{tgid}"))
}

/// A holder with five execs that may not adopt.
fn holder() -> Task {
    Task {
        pids: vec![NamespacePid {
            namespace: 1,
            nr: 10,
        }],
        exec_id: Some(5),
        subreaper: Some(false),
        session: 10,
        ..Task::new(process(10, HOLDER.start_ns), TaskState::Alive)
    }
}

fn zombie(start_ns: u64, forker: Option<Process>) -> Record {
    Record {
        process: process(20, start_ns),
        parent: Some(process(10, HOLDER.start_ns)),
        tracer: None,
        former: Vec::new(),
        forker,
        kill: None,
        begin_ns: None,
        died: Died {
            at_ns: 9_000,
            bound: DiedBound::Exact,
        },
        status: None,
        exit_signal: None,
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: None,
        steps: None,
        pids: Vec::new(),
        reap: None,
    }
}

/// The origin of a zombie whose forker had this exec count.
fn origin(holder: &Task, parent_exec_id: u64, session: u32, has_adopted: bool) -> Origin {
    let shown = Task {
        parent_exec_id: Some(parent_exec_id),
        session,
        ..Task::new(process(20, 2_000), TaskState::Zombie)
    };
    let record = zombie(2_000, None);
    let lives = |_| false;
    Holder::new(&holder.process, Some(holder), true).origin(
        &record,
        Some(&shown),
        lives,
        has_adopted,
    )
}

fn init() -> Task {
    Task {
        pids: vec![
            NamespacePid {
                namespace: 1,
                nr: 10,
            },
            NamespacePid {
                namespace: 77,
                nr: 1,
            },
        ],
        ..holder()
    }
}

#[test]
fn a_higher_exec_count_means_another_forker() {
    for holder in [holder(), init()] {
        assert_eq!(origin(&holder, 6, 10, false), Origin::Adopted);
    }
}

#[test]
fn the_exec_count_decides_if_the_holder_cannot_adopt() {
    assert_eq!(origin(&holder(), 4, 99, false), Origin::BeforeExec);
    assert_eq!(origin(&holder(), 5, 99, false), Origin::Own);
}

#[test]
fn an_equal_count_proves_nothing_if_the_holder_may_adopt() {
    let unknown = Task {
        subreaper: None,
        ..holder()
    };
    let subreaper = Task {
        subreaper: Some(true),
        ..holder()
    };
    for holder in [init(), subreaper, unknown] {
        assert_eq!(origin(&holder, 5, 10, true), Origin::Unknown);
    }
}

#[test]
fn a_lower_count_in_another_session_of_an_adopter_is_an_orphan() {
    assert_eq!(origin(&init(), 4, 10, false), Origin::BeforeExec);
    assert_eq!(origin(&init(), 4, 99, false), Origin::Adopted);
    let unknown = Task {
        subreaper: None,
        ..holder()
    };
    assert_eq!(origin(&unknown, 4, 99, false), Origin::BeforeExec);
    assert_eq!(origin(&unknown, 4, 99, true), Origin::Adopted);
    assert_eq!(origin(&init(), 4, 0, true), Origin::BeforeExec, "not known");
}

#[test]
fn only_children_that_started_between_holder_and_exec_were_forked_before_the_exec() {
    let init = Task {
        exec: Some(Box::new(Exec {
            at_ns: 1_500,
            former: "sh".into(),
        })),
        ..init()
    };
    let by = Holder::new(&init.process, Some(&init), true);
    let shown = Task {
        parent_exec_id: Some(4),
        session: 10,
        ..Task::new(process(20, 0), TaskState::Zombie)
    };
    let origin = |start_ns| by.origin(&zombie(start_ns, None), Some(&shown), |_| false, false);
    assert_eq!(origin(900), Origin::Adopted);
    assert_eq!(origin(1_400), Origin::BeforeExec);
    assert_eq!(origin(1_600), Origin::Adopted);
    // In ticks of 10 ms both may be the same moment.
    let coarse = Holder::new(&init.process, Some(&init), false);
    let origin = coarse.origin(&zombie(900, None), Some(&shown), |_| false, false);
    assert_eq!(origin, Origin::BeforeExec);
}

#[test]
fn an_observed_fork_outweighs_exec_counts() {
    let holder = Task {
        exec: Some(Box::new(Exec {
            at_ns: 1_500,
            former: "sh".into(),
        })),
        ..holder()
    };
    let by = Holder::new(&holder.process, Some(&holder), true);
    let own = Some(process(10, HOLDER.start_ns));
    let other = Some(process(30, 1_100));
    let origin =
        |start_ns, forker, lives| by.origin(&zombie(start_ns, forker), None, |_| lives, false);
    assert_eq!(origin(1_400, own, true), Origin::BeforeExec);
    assert_eq!(origin(1_600, own, true), Origin::Own);
    assert_eq!(origin(1_600, other, false), Origin::Adopted);
    assert_eq!(origin(1_600, other, true), Origin::ForHolder);
}

#[test]
fn without_counts_the_origin_is_known_only_if_the_holder_cannot_adopt() {
    let none = Task {
        exec_id: None,
        ..holder()
    };
    let by = |task| Holder::new(&holder().process, task, true);
    let origin = |holder: Holder<'_>| holder.origin(&zombie(2_000, None), None, |_| false, false);
    assert_eq!(origin(by(Some(&none))), Origin::Own);
    assert_eq!(origin(by(None)), Origin::Unknown);
}
