//! The forms of lines that are neither events nor processes.

use super::fields::{Fields, Malformed};
use super::word::SignedNs;
use super::{Counted, Head, Join, Judged, Line, VERSION};
use crate::events::Snapshot;

pub(super) fn head(f: &mut Fields<'_, Head>) -> Result<Head, Malformed> {
    let version = f.must("version", |_| VERSION)?;
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    Ok(Head {
        host: f.must("host", |it| it.host.clone())?,
        kernel: f.must("kernel", |it| it.kernel.clone())?,
        source: f.must("source", |it| it.source.clone())?,
        agent: f.must("agent", |it| it.agent.clone())?,
        began_ns: f.time("began", |it| it.began_ns)?,
    })
}

pub(super) fn join(f: &mut Fields<'_, Join>) -> Result<Join, Malformed> {
    Ok(Join {
        from_ns: f.time("from", |it| it.from_ns)?,
        offset_ns: f.must("offset", |it| SignedNs(it.offset_ns))?.0,
    })
}

/// The tasks have lines of their own, before this one.
pub(super) fn snapshot(f: &mut Fields<'_, Snapshot>) -> Result<Line, Malformed> {
    Ok(Line::Snapshot {
        begun_ns: f.time("begun", |it| it.begun_ns)?,
        ended_ns: f.time("ended", |it| it.ended_ns)?,
        exact_start: !f.flag("ticks", |it| !it.exact_start),
    })
}

/// A moment at which something happened that has no other facts.
pub(super) fn now(f: &mut Fields<'_, u64>) -> Result<u64, Malformed> {
    f.time("now", |now_ns| *now_ns)
}

pub(super) fn counted(f: &mut Fields<'_, Counted>) -> Result<Counted, Malformed> {
    Ok(Counted {
        exited: f.or("exited", 0, |it| it.exited)?,
        killed: f.or("killed", 0, |it| it.killed)?,
        dumped: f.or("dumped", 0, |it| it.dumped)?,
        lost_deaths: f.or("lost_deaths", 0, |it| it.lost_deaths)?,
        lost_killed: f.unless_zero("lost_killed", |it| it.lost_killed)?,
        lost_dumped: f.unless_zero("lost_dumped", |it| it.lost_dumped)?,
        ring_full: f.or("ring_full", 0, |it| it.ring_full)?,
        tasks_full: f.or("tasks_full", 0, |it| it.tasks_full)?,
        malformed: f.or("malformed", 0, |it| it.malformed)?,
        skipped_runs: f.or("skipped_runs", 0, |it| it.skipped_runs)?,
    })
}

pub(super) fn judged(f: &mut Fields<'_, Judged>) -> Result<Judged, Malformed> {
    Ok(Judged {
        at_ns: f.time("at", |it| it.at_ns)?,
        process: f.must("process", |it| it.process)?,
        verdict: f.maybe_part("id", |it| it.verdict.as_ref(), verdict)?,
    })
}

pub(super) fn verdict(f: &mut Fields<'_, api::Verdict>) -> Result<api::Verdict, Malformed> {
    Ok(api::Verdict {
        id: f.must("id", |it| it.id.clone())?,
        confidence: f.must("confidence", |it| it.confidence.clone())?,
        summary: f.must("summary", |it| it.summary.clone())?,
        evidence: f.list("fact", |it| &it.evidence)?,
        repeats: f.unless_zero("repeats", |it| it.repeats.clone())?,
        remedy: f.must("remedy", |it| it.remedy.clone())?,
    })
}
