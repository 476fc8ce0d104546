//! SIGKILL is pending, but it sleeps in a call that no signal ends.

use super::{Confidence, Rule, Said, waits, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::UnkillableSleep,
    id: "unkillable_sleep",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let waits = waits::outside(stuck, thread).unwrap_or_else(|| waits::Waits {
        what: "something in the kernel",
        facts: Vec::new(),
        remedy: format!(
            "see what the call waits for, and mend that; more signals do not help: \
             cat /proc/{}/task/{}/stack",
            stuck.pid, thread.tid
        ),
        confidence: Confidence::Certain,
    });
    Said {
        summary: format!(
            "{} was killed, but sleeps where no signal wakes it and waits for {}",
            words::who(stuck),
            waits.what
        ),
        facts: waits.facts,
        remedy: waits.remedy,
        confidence: waits.confidence,
    }
}
