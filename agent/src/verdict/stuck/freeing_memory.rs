//! It gives its memory back, which takes its time where there is much of it, and waits first for
//! requests of `io_submit` that are under way
//! ([`exit_aio`](https://elixir.bootlin.com/linux/v6.12/A/ident/exit_aio)).

use super::{Confidence, Rule, Said, waits, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::FreeingMemory,
    id: "freeing_memory",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let works = thread.state == 'R';
    let doing = if works {
        "is giving its memory back"
    } else if thread.waits_for_requests() {
        "is giving its memory back and waits for asynchronous requests (io_submit) under way"
    } else {
        "is giving its memory back and sleeps over it"
    };
    let waits = waits::outside(stuck, thread).filter(|_| !works);
    let (facts, remedy) = match waits {
        Some(waits) => (waits.facts, waits.remedy),
        None if works => (
            Vec::new(),
            "wait: it works, and the time grows with its memory; a CPU quota of its cgroup makes \
             that longer"
                .to_owned(),
        ),
        None => (
            Vec::new(),
            format!(
                "see what it waits for (swap, a mapped file or device): cat /proc/{}/task/{}/stack",
                stuck.pid, thread.tid
            ),
        ),
    };
    Said {
        summary: format!("{} {doing}", words::who(stuck)),
        facts,
        remedy,
        confidence: Confidence::Certain,
    }
}
