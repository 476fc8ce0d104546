//! What the tests of all rules share.

use super::{Confidence, Verdict, judge};
use crate::culprit::evidence::block::{Block, End, On, Relation};
use crate::culprit::evidence::{
    Cpu, Evidence, Facts, Habits, Place, Program, Role, Sigchld, Since, Thread, Zombies,
};

pub(crate) const SECOND: u64 = 1_000_000_000;

/// The verdict has this id and confidence and is complete, and its remedy is safe.
#[track_caller]
pub(super) fn assert_sound(verdict: Option<Verdict>, id: &str, confidence: Confidence) -> Verdict {
    let verdict = verdict.expect("there is a verdict");
    assert_eq!(
        (verdict.id, verdict.confidence),
        (id, confidence),
        "{verdict:#?}"
    );
    let remedy = &verdict.remedy;
    assert!(!remedy.contains("reboot"), "{remedy}");
    // Killing a tracer does not harm its tracees, nor does killing a new child harm its parent in
    // vfork.
    let may_kill = [
        "held_by_tracer",
        "parent_uninterruptible",
        "ptrace_exit_stop",
        "term_ignored",
    ];
    assert!(may_kill.contains(&id) || !remedy.contains("-9"), "{remedy}");
    assert!(!verdict.evidence.is_empty() && !verdict.summary.ends_with('.'));
    verdict
}

pub(super) fn thread(tid: u32, state: char, wchan: &str) -> Thread {
    Thread {
        tid,
        state,
        wchan: (!wchan.is_empty()).then(|| wchan.to_owned()),
        awaits: None,
        stack: Vec::new(),
        comm: "app".to_owned(),
        block: None,
    }
}

/// A sleeping parent of three zombies that never waited.
pub(super) fn leak() -> Evidence {
    Evidence {
        pid: 100,
        comm: "app".to_owned(),
        role: Role::Parent,
        watched_ns: 240 * SECOND,
        program: Program::default(),
        place: Place::default(),
        zombies: Zombies {
            count: 3,
            old: 3,
            oldest_age_ns: 90 * SECOND,
            ..Zombies::default()
        },
        habits: Habits {
            waits: Some(0),
            ..Habits::default()
        },
        facts: Some(Facts {
            threads: 1,
            looked_at: vec![thread(100, 'S', "hrtimer_nanosleep")],
            sigchld: Some(Sigchld::default()),
            own_number: Some((100, 0)),
            ..Facts::default()
        }),
        since: None,
    }
}

pub(super) fn facts(evidence: &mut Evidence) -> &mut Facts {
    evidence.facts.as_mut().expect("there are facts")
}

/// Made `times` wait calls, the last one `ago` seconds ago.
pub(super) fn waited(mut evidence: Evidence, times: u64, ago: u64) -> Evidence {
    evidence.habits.waits = Some(times);
    evidence.habits.last_wait_age_ns = Some(ago * SECOND);
    evidence
}

/// Reaped `children` children, the last one `ago` seconds ago.
pub(super) fn reaped(mut evidence: Evidence, children: u64, ago: u64) -> Evidence {
    evidence.habits.reaped = children;
    evidence.habits.last_reap_age_ns = Some(ago * SECOND);
    evidence
}

/// It ran between two looks.
pub(super) fn ran(mut evidence: Evidence) -> Evidence {
    evidence.since = Some(Since {
        cpu: Some(Cpu {
            ran_ns: 1_000_000,
            ..Cpu::default()
        }),
        ..since(0, 0)
    });
    evidence
}

/// It did not run between two looks.
pub(super) fn slept(mut evidence: Evidence) -> Evidence {
    evidence.since = Some(Since {
        cpu: Some(Cpu::default()),
        ..since(0, 0)
    });
    evidence
}

/// A wait whose other end is not known.
pub(super) fn blocked(on: On) -> Block {
    Block {
        on,
        ends: Vec::new(),
        unknown: None,
    }
}

pub(super) fn end(pid: u32, comm: &str, relation: Relation) -> End {
    End {
        pid,
        comm: comm.to_owned(),
        state: Some('S'),
        relation,
        waits_for: None,
    }
}

pub(super) fn since(waits: u64, reaped: u64) -> Since {
    Since {
        span_ns: 10 * SECOND,
        waits: Some(waits),
        reaped,
        held_throughout: true,
        cpu: None,
        was_uninterruptible: false,
        was_runnable: false,
    }
}

#[track_caller]
pub(super) fn assert_judged(evidence: &Evidence, id: &str, confidence: Confidence) -> Verdict {
    assert_sound(judge(evidence), id, confidence)
}
