//! Converts an explanation to its document.

use api::{Role, Seconds};

use super::{finished, killer, process, stuck, time};
use crate::clock::Wall;
use crate::events::{Process, Waits};
use crate::explain::{self, Exit, Known, Life, State};
use crate::lifecycle::Record;
use crate::parents;

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// How times are shown.
    pub wall: Wall,
    /// What is known.
    pub known: &'a Known<'a>,
    /// Those who have or had the number, the last first.
    pub lives: &'a [Life<'a>],
}

/// An explanation. `place` is where a process belongs, `keeper` how a process in a role treats its
/// dead children, `why` the verdict on whoever must reap a zombie.
pub fn explanation(
    Described { wall, known, lives }: Described<'_>,
    place: impl Fn(&Process) -> Option<api::Container>,
    keeper: impl Fn(&Process, Role) -> api::Keeper,
    why: impl Fn(&Life<'_>) -> Option<api::Verdict>,
) -> api::Explanation {
    let last = lives.first();
    let lives_on = last.filter(|life| matches!(life.state, State::Alive | State::LeaderExited));
    let habits = lives_on.map(|life| keeper(life.process, Role::Itself));
    let held = habits.as_ref().map_or(0, |habits| habits.habits.zombies);
    let story = explain::tell(known, last, held);
    let record = last.and_then(|life| life.record);
    let before = lives.iter().skip(1).filter_map(|life| life.record);
    api::Explanation {
        pid: known.pid,
        process: story.process.as_ref().map(|it| process(wall, it)),
        state: story.state.for_answer().into(),
        exit_has_begun: story.exit.map(|exit| exit != Exit::NotBegun),
        leader_exited: story.state == State::LeaderExited,
        threads: threads(known, story.state),
        timeline: story.timeline.iter().map(|it| moment(wall, it)).collect(),
        phases: story.phases.iter().map(phase).collect(),
        ancestry: story.ancestry.iter().map(|it| process(wall, it)).collect(),
        forker: last
            .and_then(Life::forker)
            .map(|forker| process(wall, forker)),
        responsible: last.and_then(|life| responsible(life, &keeper)),
        verdict: last.and_then(|life| verdict_on(known, life, habits.as_ref(), why)),
        habits,
        death: record.map(|record| finished(wall, record, [place(&record.process), None])),
        container: last.and_then(|life| place(life.process)),
        ignored: lives_on.and_then(|life| ignored(wall, known, life)),
        stuck: None,
        earlier: before.map(|record| earlier(wall, record)).collect(),
        summary: story.summary,
        meaning: story.meaning.map(str::to_owned),
        advice: story.advice,
    }
}

/// Who must reap it.
fn responsible(
    life: &Life<'_>,
    keeper: impl Fn(&Process, Role) -> api::Keeper,
) -> Option<api::Keeper> {
    if !matches!(life.state, State::Zombie | State::Exiting) {
        return None;
    }
    let role = match life.tracer() {
        Some(_) => Role::Tracer,
        None => Role::Parent,
    };
    Some(keeper(life.responsible()?, role))
}

/// Of a zombie why it is not reaped, of a living process why it does not reap. Of one on its way
/// out nothing is known yet.
fn verdict_on(
    known: &Known<'_>,
    life: &Life<'_>,
    habits: Option<&api::Keeper>,
    why: impl Fn(&Life<'_>) -> Option<api::Verdict>,
) -> Option<api::Verdict> {
    let own = habits.and_then(|it| it.habits.verdict.clone());
    match life.state {
        State::Zombie => why(life),
        State::Alive => own,
        State::LeaderExited => own.or_else(|| {
            let verdict = explain::leader_exited(life.process, known.living_threads());
            Some(verdict.for_answer())
        }),
        State::Exiting | State::Reaped | State::Unknown => None,
    }
}

fn threads(known: &Known<'_>, state: State) -> Option<u32> {
    match state {
        State::LeaderExited => known.living_threads(),
        State::Alive => known.seen.threads,
        _ => None,
    }
}

/// The signal that should have ended it.
fn ignored(wall: Wall, known: &Known<'_>, life: &Life<'_>) -> Option<api::Killer> {
    let task = life.task?;
    let held_back = known.seen.pending.is_some().then_some(task.kill.as_ref());
    let held_back = held_back.flatten().map(|kill| killer(wall, kill));
    let ignored = task.ignored.as_ref();
    held_back.or(ignored.map(|ignored| stuck::ignored(wall, ignored)))
}

fn moment(wall: Wall, moment: &explain::Moment) -> api::Moment {
    api::Moment {
        at: moment.at_ns.map(|at_ns| time(wall, at_ns)),
        bound: moment.bound.into(),
        what: moment.what.clone(),
    }
}

fn phase(phase: &explain::Phase) -> api::Phase {
    api::Phase {
        name: phase.name.into(),
        seconds: Seconds::of_ns(phase.ns),
        bound: phase.bound.into(),
        what: explain::what(phase.name).to_owned(),
    }
}

/// How the parent or tracer treats its children; `habits` combine `row` with other facts, except
/// the `waits` from a snapshot.
pub fn keeper(
    wall: Wall,
    row: &parents::Row,
    role: Role,
    habits: api::Culprit,
    waits: Option<Waits>,
) -> api::Keeper {
    let last_wait = waits
        .and_then(|waits| waits.last_ns)
        .map(|at_ns| time(wall, at_ns));
    api::Keeper {
        role: role.into(),
        habits: api::Culprit {
            waits_total: waits.map(|waits| waits.calls).or(habits.waits_total),
            last_wait_at: last_wait.or(habits.last_wait_at),
            ..habits
        },
        p50_seconds: row.p50_ns.map(Seconds::of_ns),
        p99_seconds: row.p99_ns.map(Seconds::of_ns),
    }
}

/// An earlier process with this PID.
fn earlier(wall: Wall, record: &Record) -> api::Earlier {
    let told = finished(wall, record, [None, None]);
    api::Earlier {
        process: process(wall, &record.process),
        died_at: told.died_at,
        reaped_at: told.reaped_at,
    }
}
