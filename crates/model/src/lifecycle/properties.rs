//! Properties that hold for any input.

use proptest::prelude::*;

use super::{How, Lifecycle, Limits, Record, Transition};
use crate::events::{
    CgroupIds, Death, Event, ExitStatus, Freed, HungUp, Key, Kill, KillBy, NamespacePid, Process,
    Release, Renotified, Resources, Snapshot, Task, TaskState, Waited,
};

const SMALL: Limits = Limits {
    open: 5,
    recent: 7,
    recent_ns: 300,
};
const END_NS: u64 = u64::MAX - 1;

#[expect(clippy::large_enum_variant, reason = "inputs of a test are few")]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    Event(Event),
    Snapshot(Snapshot),
    Expire(u64),
}

/// Feeds all of it, checks every invariant after each, and gives back every transition.
pub(super) fn run(inputs: &[Input], limits: Limits) -> (Lifecycle, Vec<Transition>) {
    let mut lifecycle = Lifecycle::new(limits);
    let mut all = Vec::new();
    for input in inputs {
        let mut out = Vec::new();
        let is_snapshot = matches!(input, Input::Snapshot(_));
        match input {
            Input::Event(event) => lifecycle.apply(event, &mut out),
            Input::Snapshot(snapshot) => lifecycle.reconcile(snapshot.clone(), &mut out),
            Input::Expire(now_ns) => lifecycle.expire(*now_ns),
        }
        lifecycle.check();
        assert!(lifecycle.zombies().count() <= limits.open);
        assert!(lifecycle.pending() <= limits.open);
        assert!(lifecycle.recent().count() <= limits.recent);
        lifecycle
            .zombies()
            .for_each(|record| assert_possible(&record));
        for transition in &out {
            match transition {
                Transition::Finished(record) => {
                    assert!(record.reap.is_some());
                    assert_possible(record);
                }
                // A snapshot may close more at once than so small a ring remembers.
                Transition::Died(key) | Transition::Adopted { dead: key, .. } => {
                    assert!(
                        lifecycle.get(key).is_some() || is_snapshot,
                        "no record of {key:?}"
                    );
                }
                Transition::Confirmed(_)
                | Transition::Unlisted(_)
                | Transition::UnlistedGone(_)
                | Transition::UnlistedFound(_)
                | Transition::UnlistedVanished(_)
                | Transition::Corrected(_)
                | Transition::Unexplained => {}
            }
        }
        all.extend(out);
    }
    (lifecycle, all)
}

fn assert_possible(record: &Record) {
    let died_ns = record.died.at_ns;
    assert!(
        record.begin_ns.is_none_or(|at_ns| at_ns <= died_ns),
        "{record:?}"
    );
    assert!(
        record
            .kill
            .as_ref()
            .is_none_or(|kill| kill.at_ns <= died_ns),
        "{record:?}"
    );
    if let Some(reap) = &record.reap {
        assert!(
            reap.at_ns.is_none_or(|at_ns| at_ns >= died_ns),
            "{record:?}"
        );
        assert!(reap.how != How::Autoreap || reap.by.is_none(), "{record:?}");
    }
}

pub(super) fn nothing_left() -> Input {
    Input::Snapshot(Snapshot {
        begun_ns: END_NS,
        ended_ns: u64::MAX,
        exact_start: true,
        tasks: vec![].into(),
    })
}

pub(super) fn process(tgid: u32, start_ns: u64) -> Process {
    Process {
        key: Key { tgid, start_ns },
        tid: tgid,
        comm: String::new().as_str().into(),
    }
}

fn pids(tgid: u32, nested: u32) -> Vec<NamespacePid> {
    vec![
        NamespacePid {
            namespace: 1,
            nr: tgid,
        },
        NamespacePid {
            namespace: 2,
            nr: nested,
        },
    ]
}

pub(super) fn a_death(process: Process, parent: Process, at_ns: u64) -> Death {
    let tgid = process.key.tgid;
    Death {
        at_ns,
        at_is_lower_bound: false,
        process,
        parent: Some(parent),
        tracer: None,
        forker: None,
        kill: None,
        begin_ns: None,
        status: ExitStatus::Exited(0),
        exit_signal: 17,
        autoreap: false,
        cgroups: CgroupIds::default(),
        uid: 0,
        resources: Resources::default(),
        steps: None,
        pids: vec![NamespacePid {
            namespace: 1,
            nr: tgid,
        }],
    }
}

/// Up to so many tenths of a millisecond: some within the tolerance of /proc's ticks, some not.
fn any_ns(limit: u64) -> impl Strategy<Value = u64> {
    (0..limit).prop_map(|tenths| tenths * 100_000)
}

fn any_process() -> impl Strategy<Value = Process> {
    (1_u32..6, prop_oneof![Just(1_u64), Just(2), any_ns(900)]).prop_map(|(t, s)| process(t, s))
}

fn any_key() -> impl Strategy<Value = Key> {
    any_process().prop_map(|process| process.key)
}

fn any_child() -> impl Strategy<Value = NamespacePid> {
    (1_u32..3, 1_u32..6).prop_map(|(namespace, nr)| NamespacePid { namespace, nr })
}

fn any_kill() -> impl Strategy<Value = Kill> {
    let process = prop::option::of(any_process());
    (process, 8_u8..10, any_ns(1000)).prop_map(|(process, signal, at_ns)| Kill {
        by: process.as_ref().map(|_| KillBy::Process),
        process,
        signal,
        at_ns,
    })
}

fn any_death() -> impl Strategy<Value = Event> {
    let who = (
        any_process(),
        any_process(),
        prop::option::of(any_process()),
        1_u32..4,
    );
    let when = (
        any_ns(1000),
        prop::option::of(any_ns(1000)),
        prop::option::of(any_kill()),
    );
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (who, when, flags).prop_map(
        |((dead, parent, tracer, nested), (at_ns, begin_ns, kill), (auto, bound, killed))| {
            let pids = pids(dead.key.tgid, nested);
            Event::Death(Box::new(Death {
                at_is_lower_bound: bound,
                autoreap: auto,
                tracer,
                begin_ns,
                kill,
                status: if killed {
                    ExitStatus::Killed(9)
                } else {
                    ExitStatus::Exited(0)
                },
                pids,
                ..a_death(dead, parent, at_ns)
            }))
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let at = || any_ns(1000);
    prop_oneof![
        4 => any_death(),
        2 => (at(), any_key(), any_process(), any::<bool>(), any::<bool>()).prop_map(
            |(at_ns, dead, by, reaper_exiting, by_itself)| {
                Event::Release(Release { at_ns, dead, by, by_thread: None, reaper_exiting, by_itself })
            }
        ),
        2 => (at(), any_child(), any_process())
            .prop_map(|(at_ns, child, by)| Event::Waited(Waited { at_ns, child, by, by_thread: None })),
        1 => (at(), any_key()).prop_map(|(at_ns, dead)| Event::Freed(Freed { at_ns, dead })),
        1 => (at(), any_key()).prop_map(|(at_ns, dead)| Event::HungUp(HungUp { at_ns, dead })),
        1 => (at(), any_child(), any_process(), any::<bool>()).prop_map(
            |(at_ns, child, parent, autoreap)| {
                Event::Renotified(Renotified { at_ns, child, parent, autoreap })
            }
        ),
    ]
}

fn any_task() -> impl Strategy<Value = Task> {
    let state = prop_oneof![
        4 => Just(TaskState::Zombie),
        1 => Just(TaskState::Alive),
        1 => Just(TaskState::LeaderExited),
        1 => Just(TaskState::Exiting),
    ];
    let who = (
        any_process(),
        prop::option::of(any_process()),
        prop::option::of(any_process()),
    );
    (who, state, prop::option::of(any_ns(1000)), 1_u32..4).prop_map(
        |((process, parent, tracer), state, begin_ns, nested)| Task {
            pids: if nested == 3 {
                vec![]
            } else {
                pids(process.key.tgid, nested)
            },
            parent,
            tracer,
            begin_ns,
            ..Task::new(process, state)
        },
    )
}

pub(super) fn any_input() -> impl Strategy<Value = Input> {
    let snapshot = (
        any_ns(1000),
        any_ns(50),
        any::<bool>(),
        prop::collection::vec(any_task(), 0..8),
    )
        .prop_map(|(begun_ns, took_ns, exact_start, tasks)| {
            let ended_ns = begun_ns + took_ns;
            Input::Snapshot(Snapshot {
                begun_ns,
                ended_ns,
                exact_start,
                tasks: tasks.into(),
            })
        });
    prop_oneof![
        8 => any_event().prop_map(Input::Event),
        1 => snapshot,
        1 => (any_ns(2000)).prop_map(Input::Expire),
    ]
}

proptest! {
    #[test]
    fn any_input_is_applied_without_a_panic(mut inputs in prop::collection::vec(any_input(), 0..120)) {
        inputs.push(nothing_left());
        let (lifecycle, _) = run(&inputs, SMALL);
        prop_assert_eq!((lifecycle.zombies_len(), lifecycle.pending()), (0, 0));
    }

    #[test]
    fn the_same_inputs_give_the_same_transitions(
        inputs in prop::collection::vec(any_input(), 0..60),
    ) {
        prop_assert_eq!(run(&inputs, SMALL).1, run(&inputs, SMALL).1);
    }

    #[test]
    fn an_expired_table_forgets(inputs in prop::collection::vec(any_input(), 0..60)) {
        let (mut lifecycle, _) = run(&inputs, SMALL);
        lifecycle.expire(END_NS);
        prop_assert_eq!(lifecycle.recent().count(), 0);
    }
}
