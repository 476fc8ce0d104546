//! It waits for requests of io_uring that cannot be cancelled
//! ([`__io_uring_cancel`](https://elixir.bootlin.com/linux/v6.12/A/ident/__io_uring_cancel)).

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::IoUringCancel,
    id: "io_uring_cancel",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    Said {
        summary: format!(
            "{} waits for io_uring requests that are under way and cannot be cancelled",
            words::who(stuck)
        ),
        facts: Vec::new(),
        remedy: format!(
            "see what the requests wait for (a disk, a file server) in the stacks of its iou-wrk \
             threads, and mend that: cat /proc/{}/task/*/stack",
            stuck.pid
        ),
        confidence: if thread.state == 'R' {
            Confidence::Guess
        } else {
            Confidence::Certain
        },
    }
}
