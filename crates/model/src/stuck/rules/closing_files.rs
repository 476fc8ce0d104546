//! It closes its files, and a file system wants to be asked first
//! ([`filp_close`](https://elixir.bootlin.com/linux/v6.12/A/ident/filp_close)).

use super::{Confidence, Rule, Said, waits, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::ClosingFiles,
    id: "closing_files",
    meaning: "The process is exiting and closing its files; a file system or its server has to answer first.",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let waits = waits::outside(stuck, thread).unwrap_or_else(|| waits::Waits {
        what: "the owner of one of them".to_owned(),
        facts: Vec::new(),
        remedy: format!(
            "look at the function it is in, which shows the file system or device to fix: {}",
            words::look(stuck, thread)
        ),
        confidence: Confidence::Likely,
    });
    Said {
        summary: format!(
            "{} is closing its files and waits for {}",
            words::who(stuck),
            waits.what
        ),
        facts: waits.facts,
        remedy: waits.remedy,
        confidence: waits.confidence,
    }
}
