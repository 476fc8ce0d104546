//! Converts an explanation to its document.

use super::{finished, killer, process, seconds, stuck, time};
use crate::{
    api,
    events::{Process, Waits},
    kernel::Wall,
    lifecycle::Record,
    parents,
    story::{self, Exit, Known, Life, State, Story},
};

/// An explanation without workloads and verdicts. `keeper` describes how a process in a role treats
/// its dead children.
pub(crate) fn explanation(
    wall: Wall,
    known: &Known<'_>,
    lives: &[Life<'_>],
    keeper: impl Fn(&Process, &str) -> api::Keeper,
) -> api::Explanation {
    let last = lives.first();
    let lives_on = last.filter(|life| matches!(life.state, State::Alive | State::LeaderExited));
    let habits = lives_on.map(|life| keeper(life.process, "itself"));
    let held = habits.as_ref().map_or(0, |habits| habits.habits.zombies);
    let waits_for_reap = last.filter(|life| matches!(life.state, State::Zombie | State::Exiting));
    let responsible = waits_for_reap.and_then(|life| {
        let role = if life.tracer().is_some() {
            "tracer"
        } else {
            "parent"
        };
        Some(keeper(life.responsible()?, role))
    });
    let record = last.and_then(|life| life.record);
    let before = lives.iter().skip(1).filter_map(|life| life.record);
    api::Explanation {
        habits,
        responsible,
        forker: last
            .and_then(Life::forker)
            .map(|forker| process(wall, forker)),
        death: record.map(|record| finished(wall, record)),
        ignored: lives_on.and_then(|life| {
            let task = life.task?;
            let held_back = known.seen.pending.is_some().then_some(task.kill.as_ref());
            let held_back = held_back.flatten().map(|kill| killer(wall, kill));
            let ignored = task.ignored.as_ref();
            held_back.or(ignored.map(|ignored| stuck::ignored(wall, ignored)))
        }),
        earlier: before.map(|record| earlier(wall, record)).collect(),
        ..told(wall, known, &story::tell(known, last, held))
    }
}

/// The part of an explanation that comes from the story.
fn told(wall: Wall, known: &Known<'_>, story: &Story) -> api::Explanation {
    let leader_exited = story.state == State::LeaderExited;
    let alive = story.state == State::Alive;
    let moment = |moment: &story::Moment| api::Moment {
        at: moment.at_ns.map(|at_ns| time(wall, at_ns)),
        bound: moment.bound.name().to_owned(),
        what: moment.what.clone(),
    };
    let phase = |phase: &story::Phase| api::Phase {
        name: phase.name.to_owned(),
        seconds: seconds(phase.ns),
        bound: phase.bound.name().to_owned(),
        what: phase.what.to_owned(),
    };
    api::Explanation {
        pid: known.pid,
        process: story.process.as_ref().map(|it| process(wall, it)),
        state: story.state.name().to_owned(),
        exit_has_begun: story.exit.map(|exit| exit != Exit::NotBegun),
        leader_exited,
        threads: if leader_exited {
            known.living_threads()
        } else {
            known.seen.threads.filter(|_| alive)
        },
        summary: story.summary.clone(),
        meaning: story.meaning.map(str::to_owned),
        timeline: story.timeline.iter().map(moment).collect(),
        phases: story.phases.iter().map(phase).collect(),
        ancestry: story.ancestry.iter().map(|it| process(wall, it)).collect(),
        forker: None,
        responsible: None,
        habits: None,
        death: None,
        container: None,
        ignored: None,
        stuck: None,
        verdict: None,
        earlier: Vec::new(),
        advice: story.advice.clone(),
    }
}

/// How the parent or tracer treats its children; `habits` combine `row` with other facts, except
/// the `waits` from a snapshot.
pub(crate) fn keeper(
    wall: Wall,
    row: &parents::Row,
    role: &str,
    habits: api::Culprit,
    waits: Option<Waits>,
) -> api::Keeper {
    let last_wait = waits
        .and_then(|waits| waits.last_ns)
        .map(|at_ns| time(wall, at_ns));
    api::Keeper {
        role: role.to_owned(),
        habits: api::Culprit {
            waits_total: waits.map(|waits| waits.calls).or(habits.waits_total),
            last_wait_at: last_wait.or(habits.last_wait_at),
            ..habits
        },
        p50_seconds: row.p50_ns.map(seconds),
        p99_seconds: row.p99_ns.map(seconds),
    }
}

/// An earlier process with this PID.
fn earlier(wall: Wall, record: &Record) -> api::Earlier {
    let told = finished(wall, record);
    api::Earlier {
        process: process(wall, &record.process),
        died_at: told.died_at,
        reaped_at: told.reaped_at,
    }
}
