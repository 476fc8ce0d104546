//! It frees its memory, which takes long if there is much of it. First it waits for requests of
//! `io_submit` that are in flight
//! ([`exit_aio`](https://elixir.bootlin.com/linux/v6.12/A/ident/exit_aio)).

use super::{Confidence, Finding, Rule, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::freeing_memory::STEP,
    "The process is exiting and freeing its memory, or first waits for its asynchronous I/O (io_submit).",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    let works = thread.state == 'R';
    let doing = if works {
        "is freeing its memory"
    } else if thread.waits_for_requests() {
        "cannot free its memory until its asynchronous I/O (io_submit) completes"
    } else {
        "is blocked while freeing its memory"
    };
    let waits = waits::outside(stuck, thread).filter(|_| !works);
    let (facts, remedy, confidence) = match waits {
        Some(waits) => (waits.facts, waits.remedy, waits.confidence),
        None if works => (
            Vec::new(),
            "wait: it is making progress; a lot of memory, or a CPU quota on its cgroup, makes it \
             take longer"
                .to_owned(),
            Confidence::Certain,
        ),
        None => (
            Vec::new(),
            format!(
                "find out what it waits for (swap, a mapped file or device): {}",
                words::stack_command(stuck, thread)
            ),
            Confidence::Certain,
        ),
    };
    Finding {
        does: doing.to_owned(),
        facts,
        remedy,
        confidence,
    }
}
