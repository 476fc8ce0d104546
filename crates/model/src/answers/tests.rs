//! Known values become numbers, unknown ones null, and bounds are marked.

use super::*;
use crate::events::{CgroupIds, Key, Kill, KillBy};
use crate::lifecycle::{Died, Reap};

const BORN: u64 = 1_000_000_000;
const BEGAN: u64 = 2_000_000_000;
const DIED: u64 = 2_250_000_000;
const REAPED: u64 = 3_250_000_000;

fn someone(tgid: u32) -> Process {
    Process {
        key: Key {
            tgid,
            start_ns: BORN,
        },
        tid: tgid,
        comm: "sh".into(),
    }
}

fn record(bound: DiedBound, reap: Option<Reap>) -> Record {
    Record {
        process: someone(7),
        parent: Some(someone(6)),
        tracer: None,
        former: Vec::new(),
        forker: None,
        kill: Some(Box::new(Kill {
            by: Some(KillBy::Process),
            process: Some(someone(5)),
            signal: 9,
            at_ns: BEGAN - 500_000_000,
        })),
        begin_ns: Some(BEGAN),
        died: Died { at_ns: DIED, bound },
        status: Some(ExitStatus::Killed(9)),
        exit_signal: Some(17),
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: Some(Resources::default()),
        steps: None,
        pids: Vec::new(),
        reap: reap.map(Box::new),
    }
}

fn reap(how: How, at_ns: Option<u64>, at_is_upper_bound: bool) -> Reap {
    let mut by = someone(6);
    by.tid = 66;
    Reap {
        at_ns,
        at_is_upper_bound,
        by: Some(by).filter(|_| how == How::Wait),
        by_thread: None,
        how,
    }
}

fn exit_of(bound: DiedBound, reap: Reap) -> api::FinishedExit {
    finished(Wall::from(0), &record(bound, Some(reap)), [None, None])
}

/// An exact comparison: all these times are sums of powers of two.
#[track_caller]
fn same(is: Option<Seconds>, expected: Option<f64>) {
    assert_eq!(
        is.map(|it| it.0.to_bits()),
        expected.map(f64::to_bits),
        "{is:?}"
    );
}

#[test]
fn an_exact_death_is_explained_in_full() {
    let exit = exit_of(DiedBound::Exact, reap(How::Wait, Some(REAPED), false));
    same(exit.exit_seconds, Some(0.25));
    same(exit.zombie_seconds, Some(1.0));
    same(exit.kill_seconds, Some(0.75));
    let killer = exit.killer.expect("seen");
    assert_eq!(
        (killer.process.map(|it| it.pid), killer.by),
        (Some(5), Some(KillBy::Process.into()))
    );
    same(exit.resources.map(|it| it.lifetime_seconds), Some(1.25));
    assert!(!exit.zombie_seconds_is_upper_bound && !exit.died_at_is_lower_bound);
    assert_eq!(exit.how, How::Wait);
    assert_eq!(
        exit.reaper.map(|it| (it.process.pid, it.tid)),
        Some((6, 66))
    );
    let status = exit.exit.expect("known");
    assert_eq!((status.kind.as_str(), status.code), ("killed", None));
    assert_eq!(status.signal.as_deref(), Some("SIGKILL"));
}

#[test]
fn a_reap_detected_late_is_an_upper_bound_without_a_reaper() {
    let exit = exit_of(DiedBound::Exact, reap(How::Unknown, Some(REAPED), true));
    same(exit.zombie_seconds, Some(1.0));
    assert!(exit.zombie_seconds_is_upper_bound);
    assert!(exit.reaper.is_none());
}

#[test]
fn a_reap_at_an_unknown_time_has_no_time() {
    let exit = exit_of(DiedBound::Exact, reap(How::Unknown, None, false));
    same(exit.zombie_seconds, None);
    assert!(exit.reaped_at.is_none() && !exit.zombie_seconds_is_upper_bound);
}

#[test]
fn a_death_older_than_the_agent_has_no_time_and_no_spans() {
    let exit = exit_of(DiedBound::NotAfter, reap(How::Wait, Some(REAPED), false));
    for span in [exit.exit_seconds, exit.zombie_seconds, exit.kill_seconds] {
        same(span, None);
    }
    assert!(exit.died_at.is_none() && !exit.zombie_seconds_is_upper_bound);
}

#[test]
fn a_death_without_notification_is_a_lower_bound_and_its_zombie_time_an_upper_one() {
    let exit = exit_of(DiedBound::NotBefore, reap(How::Wait, Some(REAPED), false));
    assert!(exit.died_at.is_some() && exit.died_at_is_lower_bound);
    same(exit.exit_seconds, None);
    same(exit.kill_seconds, None);
    same(exit.zombie_seconds, Some(1.0));
    assert!(exit.zombie_seconds_is_upper_bound);
}

#[test]
fn autoreaped_processes_are_never_zombies() {
    let exit = exit_of(
        DiedBound::NotBefore,
        reap(How::Autoreap, Some(REAPED), true),
    );
    same(exit.zombie_seconds, Some(0.0));
    assert!(exit.reaped_at_is_upper_bound && !exit.zombie_seconds_is_upper_bound);
    assert_eq!(exit.how, How::Autoreap);
}

#[test]
fn a_span_that_ends_before_it_begins_is_dropped() {
    let exit = exit_of(DiedBound::Exact, reap(How::Wait, Some(DIED - 1), false));
    same(exit.zombie_seconds, None);
}

#[test]
fn a_detached_tracer_is_reported_only_for_finished_exits() {
    let reap = reap(How::Wait, Some(REAPED), false);
    let mut record = record(DiedBound::Exact, Some(reap));
    record.former.push(former(4, true, DIED + 500_000_000));
    let tracer = |record: &Record| {
        finished(Wall::from(0), record, [None, None])
            .tracer
            .map(|it| it.pid)
    };
    assert_eq!(tracer(&record), Some(4));
    record.tracer = Some(someone(3));
    assert_eq!(tracer(&record), Some(3));
    let kin = Kin::of(Wall::from(0), &record, [None, None]);
    assert!(
        zombie(Wall::from(0), REAPED, &record, None, kin)
            .tracer
            .is_some()
    );
}

fn former(tgid: u32, was_tracer: bool, until_ns: u64) -> Former {
    Former {
        process: someone(tgid),
        was_tracer,
        until_ns,
        until_is_upper_bound: false,
    }
}

#[test]
fn earlier_responsible_processes_are_listed_with_durations() {
    let seconds = |bound, late: bool| {
        let mut record = record(bound, None);
        record.former = vec![
            former(4, true, DIED + 250_000_000),
            former(5, false, DIED + 750_000_000),
        ];
        record.former[0].until_is_upper_bound = late;
        let wall = Wall::from(0);
        let held = zombie(wall, REAPED, &record, None, Kin::default()).held_before;
        assert_eq!(held, finished(wall, &record, [None, None]).held_before);
        let who: Vec<_> = held
            .iter()
            .map(|it| (it.process.pid, it.as_tracer))
            .collect();
        assert_eq!(who, [(4, true), (5, false)]);
        assert_eq!(held[0].until_is_upper_bound, late);
        held.iter()
            .map(|it| Some(it.seconds?.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(seconds(DiedBound::Exact, false), [Some(0.25), Some(0.5)]);
    assert_eq!(seconds(DiedBound::Exact, true), [Some(0.25), None]);
    assert_eq!(seconds(DiedBound::NotAfter, false), [None, Some(0.5)]);
}

#[test]
fn the_age_of_a_zombie_counts_from_its_death() {
    let of = |bound| {
        zombie(
            Wall::from(0),
            REAPED,
            &record(bound, None),
            None,
            Kin::default(),
        )
    };
    let seen = of(DiedBound::Exact);
    same(Some(seen.zombie_seconds), Some(1.0));
    assert!(seen.died_at.is_some() && !seen.age_is_lower_bound);
    let found = of(DiedBound::NotAfter);
    assert!(found.died_at.is_none() && found.age_is_lower_bound);
    // Its event may be stamped on another CPU a moment after the question.
    let early = zombie(
        Wall::from(0),
        DIED - 1,
        &record(DiedBound::Exact, None),
        None,
        Kin::default(),
    );
    same(Some(early.zombie_seconds), Some(0.0));
}

#[test]
fn an_unknown_start_time_is_null() {
    let mut unknown = someone(9);
    unknown.key.start_ns = 0;
    assert!(process(Wall::from(0), &unknown).start_time.is_none());
    assert!(process(Wall::from(0), &someone(9)).start_time.is_some());
}
