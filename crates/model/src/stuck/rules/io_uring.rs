//! It waits for requests of io_uring that cannot be cancelled
//! ([`__io_uring_cancel`](https://elixir.bootlin.com/linux/v6.12/A/ident/__io_uring_cancel)).

use super::{Confidence, Finding, Rule, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::io_uring_cancel::STEP,
    "The process is exiting and waits for io_uring requests that cannot be cancelled.",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    // A worker is a thread of the process too, and shows what a request waits for.
    let threads = stuck.facts.iter().flat_map(|facts| &facts.threads);
    let mut workers = threads.filter(|thread| thread.is_io_uring_worker());
    let worker = workers.find(|worker| worker.state == 'D');
    let mut facts = Vec::new();
    if let Some(worker) = worker.filter(|worker| worker.tid != thread.tid) {
        facts.push(format!(
            "its io_uring worker {}",
            words::thread_state(worker)
        ));
    }
    let waits = waits::outside(stuck, worker.unwrap_or(thread));
    let (remedy, confidence) = match waits {
        Some(waits) => {
            facts.extend(waits.facts);
            (waits.remedy, waits.confidence)
        }
        None => (
            format!(
                "find out what the requests wait for (a disk, a file server) from the kernel \
                 stacks of its iou-wrk threads: cat /proc/{}/task/*/stack",
                stuck.pid
            ),
            Confidence::Certain,
        ),
    };
    Finding {
        does: "waits for io_uring requests in flight that cannot be cancelled".to_owned(),
        facts,
        remedy,
        confidence: if thread.state == 'R' {
            Confidence::Guess
        } else {
            confidence
        },
    }
}
