//! It closes its files, and waits for a file system to flush or release them
//! ([`filp_close`](https://elixir.bootlin.com/linux/v6.12/A/ident/filp_close)).

use super::{Confidence, Finding, Rule, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::closing_files::STEP,
    "The process is exiting and closing its files. A file system or its server has to answer first.",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    let waits = waits::outside(stuck, thread).unwrap_or_else(|| waits::Waits {
        what: "the file system or device of one of them".to_owned(),
        facts: Vec::new(),
        remedy: format!(
            "its kernel stack shows the file system or device to fix: {}",
            words::stack_command(stuck, thread)
        ),
        confidence: Confidence::Likely,
    });
    Finding {
        does: format!("is closing its files and waits for {}", waits.what),
        facts: waits.facts,
        remedy: waits.remedy,
        confidence: waits.confidence,
    }
}
