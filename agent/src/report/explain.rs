//! A story becomes a document.

use super::{finished, process, seconds, time};
use crate::{
    api,
    kernel::Wall,
    lifecycle::Record,
    parents,
    story::{Known, State, Story},
};

/// The part of an explanation that the story itself tells.
pub(crate) fn story(wall: Wall, known: &Known<'_>, story: &Story) -> api::Explanation {
    let leader_exited = story.state == State::LeaderExited;
    let alive = story.state == State::Alive;
    let moment = |moment: &crate::story::Moment| api::Moment {
        at: moment.at_ns.map(|at_ns| time(wall, at_ns)),
        bound: moment.bound.name().to_owned(),
        what: moment.what.clone(),
    };
    let phase = |phase: &crate::story::Phase| api::Phase {
        name: phase.name.to_owned(),
        seconds: seconds(phase.ns),
        bound: phase.bound.name().to_owned(),
        what: phase.what.to_owned(),
    };
    api::Explanation {
        pid: known.pid,
        process: story.process.as_ref().map(|it| process(wall, it)),
        state: story.state.name().to_owned(),
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
        stuck: None,
        verdict: None,
        earlier: Vec::new(),
        advice: story.advice.clone(),
    }
}

/// How one who must reap, or may have to, treats its children; `habits` are what `row` says and
/// what is known beside it.
pub(crate) fn keeper(row: &parents::Row, role: &str, habits: api::Culprit) -> api::Keeper {
    api::Keeper {
        role: role.to_owned(),
        habits,
        p50_seconds: row.p50_ns.map(seconds),
        p99_seconds: row.p99_ns.map(seconds),
    }
}

/// One that had the number before.
pub(crate) fn earlier(wall: Wall, record: &Record) -> api::Earlier {
    let told = finished(wall, record);
    api::Earlier {
        process: process(wall, &record.process),
        died_at: told.died_at,
        reaped_at: told.reaped_at,
    }
}
