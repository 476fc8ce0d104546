//! It waits for requests of io_uring that cannot be cancelled
//! ([`__io_uring_cancel`](https://elixir.bootlin.com/linux/v6.12/A/ident/__io_uring_cancel)).

use super::{Confidence, Rule, Said, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::{self, Step};

pub(super) const RULE: Rule = Rule {
    step: Step::IoUringCancel,
    id: "io_uring_cancel",
    meaning: "The process is exiting and waits for io_uring requests that cannot be cancelled.",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    // A worker is a thread of the process too, and shows what a request waits for.
    let threads = stuck.facts.iter().flat_map(|facts| &facts.threads);
    let mut workers = threads.filter(|thread| steps::is_worker(thread));
    let worker = workers.find(|worker| worker.state == 'D');
    let mut facts = Vec::new();
    if let Some(worker) = worker.filter(|worker| worker.tid != thread.tid) {
        facts.push(format!("its io_uring worker {}", words::place(worker)));
    }
    let waits = waits::outside(stuck, worker.unwrap_or(thread));
    let (remedy, confidence) = match waits {
        Some(waits) => {
            facts.extend(waits.facts);
            (waits.remedy, waits.confidence)
        }
        None => (
            format!(
                "look at what the requests wait for (a disk, a file server) in the stacks of its \
                 iou-wrk threads: cat /proc/{}/task/*/stack",
                stuck.pid
            ),
            Confidence::Certain,
        ),
    };
    Said {
        summary: format!(
            "{} waits for io_uring requests that are in flight and cannot be cancelled",
            words::who(stuck)
        ),
        facts,
        remedy,
        confidence: if thread.state == 'R' {
            Confidence::Guess
        } else {
            confidence
        },
    }
}
