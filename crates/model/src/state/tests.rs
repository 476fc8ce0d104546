//! A state that is fed the lines of a recording answers for it.

use super::*;
use crate::events::{CgroupId, CgroupVersion};
use crate::explain::Seen;
use crate::filter::{Field, Selection};
use crate::recording::{self, Line};
use crate::workload::{Answer, Located, Owner};

const SECOND: u64 = 1_000_000_000;
/// Two parents: 6 leaks two children and reaps one, 8 leaks one that is young.
const LINES: &str = "\
    death at=1s process=10:one parent=6:leaky\n\
    death at=2s process=11:two parent=6:leaky\n\
    death at=3s process=12:fine parent=6:leaky\n\
    release at=4s dead=12 reaper=6:leaky\n\
    death at=19s process=20:young parent=8:busy\n";

fn state() -> State {
    let about = Head {
        host: "web-1".to_owned(),
        kernel: "6.1.0".to_owned(),
        source: api::HookKind::Fentry.into(),
        agent: "0.1.0".to_owned(),
        began_ns: 0,
    };
    let mut state = State::new(about, Wall::from(0), Workloads::new(false));
    take(&mut state, LINES);
    state.judgements.as_of(20 * SECOND);
    state
}

fn take(state: &mut State, lines: &str) {
    let mut changes = Vec::new();
    for line in lines.lines() {
        let Ok(Some(Line::Event(event))) = recording::parse(line) else {
            panic!("no event: {line}");
        };
        state.apply(&event, &mut changes);
        for change in changes.drain(..) {
            state.note(&change, 4 * SECOND);
        }
    }
}

fn wanted(list: &api::List, fields: &[Field]) -> Selection {
    Selection::of(list, fields).expect("the fields exist")
}

fn pids(document: &api::Document<api::Zombie>) -> Vec<u32> {
    document.items.iter().map(|zombie| zombie.pid).collect()
}

#[test]
fn zombies_come_oldest_first_and_a_limit_keeps_their_total() {
    let mut state = state();
    let all = state.zombies(&Selection::default(), 20 * SECOND);
    assert_eq!((pids(&all), all.total), (vec![10, 11, 20], 3));
    let ages: Vec<_> = all.items.iter().map(|it| it.zombie_seconds).collect();
    assert_eq!(ages, [19.0, 18.0, 1.0]);
    let one = state.zombies(&Selection::first(1), 20 * SECOND);
    assert_eq!((pids(&one), one.total), (vec![10], 3));
}

#[test]
fn each_zombie_has_its_own_parent_and_the_container_of_its_siblings_at_that_time() {
    let mut state = state();
    let lines = "\
        death at=5s process=30:a parent=6:leaky cgroup=7\n\
        death at=6s process=31:b parent=8:busy cgroup=7\n\
        death at=7s process=32:c parent=6:leaky cgroup=7\n";
    take(&mut state, lines);
    let shown = |state: &mut State| {
        let all = state.zombies(&Selection::default(), 20 * SECOND).items;
        let of = |it: &api::Zombie| {
            let cgroup = it.container.as_ref().and_then(|it| it.cgroup.clone());
            (it.pid, it.parent.as_ref().map(|it| it.pid), cgroup)
        };
        let ours = all.iter().filter(|it| it.pid >= 30);
        ours.map(of).collect::<Vec<_>>()
    };
    let of = |cgroup: Option<&str>| {
        [(30, 6), (31, 8), (32, 6)]
            .map(|(pid, parent)| (pid, Some(parent), cgroup.map(str::to_owned)))
    };
    assert_eq!(shown(&mut state), of(None));
    let id = CgroupId {
        version: CgroupVersion::V2,
        id: 7,
    };
    let located = Located {
        path: "/job".to_owned(),
        owner: Owner::Unknown,
    };
    let answer = Answer::Cgroup(id, Some(located));
    state.workloads.receive(answer, 20 * SECOND);
    assert_eq!(shown(&mut state), of(Some("/job")));
}

#[test]
fn zombies_are_filtered_by_their_own_and_their_parents_facts() {
    let mut state = state();
    for (filter, sort, expected) in [
        ("parent~leak", "", vec![10, 11]),
        ("zombies>1 and comm=two", "", vec![11]),
        ("oldest<5s", "", vec![20]),
        ("why=just_died", "", vec![]),
        ("pid>0", "comm", vec![10, 11, 20]),
        ("pid>0", "zombies", vec![10, 11, 20]),
    ] {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let list = api::List {
            limit: None,
            sort: some(sort).map(api::OrOther::named),
            filter: some(filter),
        };
        let found = state.zombies(&wanted(&list, &ZOMBIE_FIELDS), 20 * SECOND);
        assert_eq!(pids(&found), expected, "{filter} by {sort}");
    }
}

#[test]
fn a_parent_of_a_young_zombie_is_not_a_culprit() {
    let mut state = state();
    state.why_unjudged = "not yet".to_owned();
    let culprits = state.culprits(&Selection::default(), 20 * SECOND).document;
    assert_eq!(culprits.total, 1);
    let leaky = &culprits.items[0];
    assert_eq!((leaky.process.pid, leaky.zombies), (6, 2));
    assert_eq!(
        (leaky.oldest_seconds, leaky.reaped_total),
        (Some(api::Seconds(19.0)), 1)
    );
    assert_eq!(leaky.no_verdict.as_deref(), Some("not yet"));
}

#[test]
fn a_parent_of_zombies_that_do_not_fit_into_the_table_is_a_culprit_of_unknown_age() {
    let mut state = state();
    state.lifecycle = Lifecycle::new(Limits { open: 2, ..LIMITS });
    take(&mut state, LINES);
    let culprits = state.culprits(&Selection::default(), 20 * SECOND).document;
    let rows = culprits.items.iter();
    let rows = rows.map(|it| (it.process.pid, it.zombies, it.oldest_seconds.is_some()));
    assert_eq!(rows.collect::<Vec<_>>(), [(6, 2, true), (8, 1, false)]);
}

/// With a verdict on the parent that leaks.
fn judged() -> (State, api::Verdict) {
    let mut state = state();
    let verdict = api::Verdict {
        id: "never_waits".into(),
        summary: String::new(),
        evidence: Vec::new(),
        repeats: Vec::new(),
        remedy: String::new(),
        confidence: api::Confidence::Likely.into(),
    };
    let leaky = state.rows(20 * SECOND)[0].process;
    state
        .judgements
        .replay(19 * SECOND, leaky, Some(verdict.clone()));
    state.judgements.as_of(20 * SECOND);
    (state, verdict)
}

#[test]
fn a_verdict_of_a_recording_is_shown_with_culprit_and_zombie() {
    let (mut state, verdict) = judged();
    let culprits = state.culprits(&Selection::default(), 20 * SECOND);
    assert_eq!(culprits.document.items[0].verdict, Some(verdict.clone()));
    let zombies = state.zombies(&Selection::default(), 20 * SECOND);
    let why = |zombie: &api::Zombie| zombie.verdict.as_ref().map(|it| it.id.clone());
    let all: Vec<_> = zombies.items.iter().filter_map(why).collect();
    assert_eq!(all, ["never_waits", "never_waits", "just_died"]);
}

#[test]
fn a_frame_counts_what_its_limit_leaves_out() {
    let one = Selection::first(1);
    let frame = state().top(&one, 20 * SECOND).items.remove(0);
    assert_eq!((frame.parents.len(), frame.parents_total), (1, 2));
    assert_eq!((frame.zombies.len(), frame.zombies_total), (1, 3));
    assert_eq!(frame.summary.reaped_total, 1);
    assert_eq!(frame.summary.culprits, Some(2));
    assert_eq!(frame.summary.workloads, Some(1));
}

#[test]
fn a_frame_has_each_verdict_once() {
    let (mut state, verdict) = judged();
    let mut verdicts = |filter: &str| {
        let list = api::List {
            filter: Some(filter.to_owned()),
            ..api::List::default()
        };
        let frame = state.top(&wanted(&list, &TOP_FIELDS), 20 * SECOND);
        let top = frame.items.into_iter().next().expect("one frame");
        let parents = top.parents.into_iter().map(|it| it.verdict);
        let zombies = top
            .zombies
            .into_iter()
            .map(|it| it.verdict.as_deref().cloned());
        (parents.collect::<Vec<_>>(), zombies.collect::<Vec<_>>())
    };
    let some = Some(verdict);
    let with_parent = (vec![some.clone()], vec![None, None]);
    assert_eq!(verdicts("parent=leaky"), with_parent);
    let without = (vec![], vec![some, None]);
    assert_eq!(verdicts("comm=one or comm=two"), without, "with the first");
}

#[test]
fn a_frame_is_filtered_before_its_limit_applies() {
    let mut state = state();
    let mut filtered = |filter: &str, sort: Option<Field>| {
        let list = api::List {
            limit: Some(1),
            sort: sort.map(api::OrOther::from),
            filter: Some(filter.to_owned()),
        };
        let wanted = wanted(&list, &TOP_FIELDS);
        state.top(&wanted, 20 * SECOND).items.remove(0)
    };
    let busy = filtered("parent=busy", None);
    let parents: Vec<_> = busy.parents.iter().map(|it| it.process.pid).collect();
    assert_eq!((parents, busy.parents_total), (vec![8], 1));
    assert_eq!((busy.zombies[0].pid, busy.zombies_total), (20, 1));
    assert_eq!(busy.summary.zombies, 3, "the header counts all");
    let held = filtered("zombies>1", Some(Field::Pid));
    assert_eq!((held.zombies[0].pid, held.zombies_total), (10, 2));
    assert_eq!((held.workloads.len(), held.workloads_total), (1, 1));
}

#[test]
fn a_workload_adds_up_what_its_processes_did() {
    let mut state = state();
    for tgid in [6, 8] {
        let Some(parent) = state
            .rows(20 * SECOND)
            .into_iter()
            .find(|it| it.process.key.tgid == tgid)
        else {
            panic!("no parent {tgid}");
        };
        let unit = Located {
            path: "/system.slice/shop.service".to_owned(),
            owner: Owner::Root,
        };
        state
            .workloads
            .receive(Answer::Process(parent.process.key, Some(unit)), 20 * SECOND);
    }
    let found = state.workload(Some("/system.slice/shop.service"), 20 * SECOND);
    let habits = found.habits;
    assert_eq!(
        (found.parents, habits.zombies_last_minute.last()),
        (2, Some(&3))
    );
    assert_eq!(habits.p50_seconds, Some(api::Seconds(1.0)));
    let reaped: Vec<_> = habits.last_reaps.iter().map(|it| it.process.pid).collect();
    assert_eq!(reaped, [12]);
    let outside = state.workload(None, 20 * SECOND);
    assert_eq!((outside.parents, outside.habits.zombie_times.len()), (0, 0));
}

#[test]
fn the_explanation_of_a_zombie_names_its_parent() {
    let explained = state().explain(10, &Seen::default(), None, 20 * SECOND);
    let story = explained.story;
    assert_eq!((story.pid, story.state.as_str()), (10, "zombie"));
    let responsible = story.responsible.expect("somebody must");
    assert_eq!(
        (responsible.role.as_str(), responsible.culprit.process.pid),
        ("parent", 6)
    );
    let unknown = state().explain(99, &Seen::default(), None, 20 * SECOND);
    assert_eq!(unknown.story.state, api::ProcessState::Unknown);
}
