//! SIGKILL is pending, but it sleeps in a call that no signal interrupts.

use super::{Confidence, Finding, Rule, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::unkillable_sleep::STEP,
    "SIGKILL is pending, but the process sleeps in a system call that no signal interrupts.",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    let waits = waits::outside(stuck, thread).unwrap_or_else(|| waits::Waits {
        what: "something in the kernel".to_owned(),
        facts: vfork(thread),
        remedy: format!(
            "more signals do not help; find out what the call waits for and fix that: {}",
            words::stack_command(stuck, thread)
        ),
        confidence: if is_in_fork(thread) {
            Confidence::Likely
        } else {
            Confidence::Certain
        },
    });
    Finding {
        does: format!(
            "was killed, but is in a system call that no signal interrupts, waiting for {}",
            waits.what
        ),
        facts: waits.facts,
        remedy: waits.remedy,
        confidence: waits.confidence,
    }
}

fn is_in_fork(thread: &Thread) -> bool {
    thread.is_in(&["kernel_clone"])
}

/// The wait for a vfork child is killable in all kernels since 3.3
/// ([`wait_for_vfork_done`](https://elixir.bootlin.com/linux/v5.10/A/ident/wait_for_vfork_done)).
fn vfork(thread: &Thread) -> Vec<String> {
    let fact =
        "it is in fork or clone, but not waiting for a vfork child: SIGKILL would end that wait";
    is_in_fork(thread)
        .then(|| fact.to_owned())
        .into_iter()
        .collect()
}
