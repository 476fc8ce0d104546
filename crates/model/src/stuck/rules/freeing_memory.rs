//! It gives its memory back, which takes its time where there is much of it, and waits first for
//! requests of `io_submit` that are under way
//! ([`exit_aio`](https://elixir.bootlin.com/linux/v6.12/A/ident/exit_aio)).

use super::{Confidence, Rule, Said, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::FreeingMemory,
    id: "freeing_memory",
    meaning: "The process is exiting and freeing its memory, or waits for asynchronous I/O (io_submit) before it can.",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let works = thread.state == 'R';
    let doing = if works {
        "is freeing its memory"
    } else if thread.waits_for_requests() {
        "cannot free its memory until its asynchronous I/O (io_submit) completes"
    } else {
        "is freeing its memory and is blocked while doing so"
    };
    let waits = waits::outside(stuck, thread).filter(|_| !works);
    let (facts, remedy, confidence) = match waits {
        Some(waits) => (waits.facts, waits.remedy, waits.confidence),
        None if works => (
            Vec::new(),
            "wait: it is making progress; the time grows with its memory, and a CPU quota on its \
             cgroup makes it longer"
                .to_owned(),
            Confidence::Certain,
        ),
        None => (
            Vec::new(),
            format!(
                "look at what it waits for (swap, a mapped file or device): {}",
                words::look(stuck, thread)
            ),
            Confidence::Certain,
        ),
    };
    Said {
        summary: format!("{} {doing}", words::who(stuck)),
        facts,
        remedy,
        confidence,
    }
}
