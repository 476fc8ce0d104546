//! It gives its memory back, which takes its time where there is much of it.

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::FreeingMemory,
    id: "freeing_memory",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let who = words::who(stuck);
    let works = thread.state == 'R';
    let (doing, remedy) = if works {
        (
            "is giving its memory back",
            "wait: it works, and the time grows with its memory; a CPU quota of its cgroup makes \
             that longer"
                .to_owned(),
        )
    } else {
        (
            "is giving its memory back and sleeps over it",
            format!(
                "see what it waits for (swap, a mapped file or device): cat /proc/{}/task/{}/stack",
                stuck.pid, thread.tid
            ),
        )
    };
    Said {
        summary: format!("{who} {doing}"),
        facts: Vec::new(),
        remedy,
        confidence: Confidence::Certain,
    }
}
