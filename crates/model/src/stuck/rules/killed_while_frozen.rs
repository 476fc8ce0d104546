//! It was killed while its cgroup was frozen: with the freezer of cgroup v1 even SIGKILL waits. One
//! that is frozen by cgroup v2 dies of SIGKILL at once
//! ([`__refrigerator`](https://elixir.bootlin.com/linux/v6.12/A/ident/__refrigerator)).

use super::{Confidence, Rule, Said, words};
use crate::culprit::rules::thaw;
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::Frozen,
    id: "killed_while_frozen",
    meaning: "The process was killed while its cgroup (v1 freezer) was frozen; the signal takes effect when it is thawed.",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let facts = stuck.facts.as_ref();
    let freezer = facts.and_then(|facts| facts.freezer.as_ref());
    let others = facts.and_then(|facts| facts.frozen_with_it.as_ref());
    let (fact, remedy, confidence) = match freezer {
        Some(freezer) => (
            format!(
                "the cgroup {} is frozen{}",
                freezer.cgroup.display(),
                others.map(thaw::with).unwrap_or_default()
            ),
            format!(
                "if the freeze is deliberate (docker pause, a checkpoint), leave it: the process \
                 dies when it is thawed; otherwise thaw the cgroup{}: {}",
                others.map(thaw::resumes).unwrap_or_default(),
                freezer.thaw
            ),
            Confidence::Certain,
        ),
        None => (
            "no frozen cgroup was found for it".to_owned(),
            format!(
                "find out what froze it, a system suspend or a cgroup: cat /proc/{}/cgroup",
                stuck.pid
            ),
            Confidence::Likely,
        ),
    };
    Said {
        summary: format!("{who} was killed while frozen; it dies when it is thawed"),
        facts: vec![fact],
        remedy,
        confidence,
    }
}
