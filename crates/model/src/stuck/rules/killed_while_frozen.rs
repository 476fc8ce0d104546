//! It was killed while its cgroup was frozen. With the cgroup v1 freezer even SIGKILL has to wait;
//! a process that cgroup v2 has frozen dies of SIGKILL at once
//! ([`__refrigerator`](https://elixir.bootlin.com/linux/v6.12/A/ident/__refrigerator)).

use super::{Confidence, Finding, Rule};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;
use crate::thaw;

pub(super) const RULE: Rule = Rule {
    id: "killed_while_frozen",
    ..Rule::at(
        &steps::frozen::STEP,
        "The process was killed while its cgroup was frozen (v1 freezer). The signal takes effect when the cgroup is thawed.",
        judge,
    )
};

fn judge(stuck: &Stuck, _thread: &Thread) -> Finding {
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
                "if it was frozen on purpose (docker pause, a checkpoint), do nothing: the process \
                 dies when it is thawed; otherwise thaw the cgroup{}: {}",
                others.map(thaw::resumes).unwrap_or_default(),
                freezer.thaw
            ),
            Confidence::Certain,
        ),
        None => (
            "its frozen cgroup was not found".to_owned(),
            format!(
                "find out what froze it (a system suspend or a cgroup): cat /proc/{}/cgroup",
                stuck.pid
            ),
            Confidence::Likely,
        ),
    };
    Finding {
        does: "was killed while frozen; it dies when it is thawed".to_owned(),
        facts: vec![fact],
        remedy,
        confidence,
    }
}
