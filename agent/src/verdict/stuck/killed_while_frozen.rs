//! It was killed while its cgroup was frozen: with the freezer of version 1 even SIGKILL waits
//! ([`__refrigerator`](https://elixir.bootlin.com/linux/v6.12/A/ident/__refrigerator)).

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::Frozen,
    id: "killed_while_frozen",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let freezer = stuck
        .facts
        .as_ref()
        .and_then(|facts| facts.freezer.as_ref());
    let (fact, remedy, confidence) = match freezer {
        Some(freezer) => (
            format!("the cgroup {} is frozen", freezer.cgroup),
            format!(
                "thaw its cgroup, upon which it dies at once: {}",
                freezer.thaw
            ),
            Confidence::Certain,
        ),
        None => (
            "no frozen cgroup was found around it".to_owned(),
            format!(
                "find out who froze it, a suspend or a cgroup: cat /proc/{}/cgroup",
                stuck.pid
            ),
            Confidence::Likely,
        ),
    };
    Said {
        summary: format!("{who} was killed while it is frozen, so the signal waits for its thaw"),
        facts: vec![fact],
        remedy,
        confidence,
    }
}
