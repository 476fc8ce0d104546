//! It dumps core, which comes before its exit; its other threads wait for that.

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::DumpingCore,
    id: "dumping_core",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let helper = stuck
        .facts
        .as_ref()
        .and_then(|facts| facts.core_helper.as_ref());
    let mut facts = Vec::new();
    facts.extend(helper.map(|helper| format!("core_pattern is {}", helper.pattern)));
    let process = helper.and_then(|helper| helper.process.as_ref());
    let (remedy, confidence) = match (process, helper) {
        (Some(process), _) => {
            facts.push(format!("its core goes to {}", words::other(process)));
            (
                format!(
                    "wait while {} works through the dump; if it hangs, end it: kill {}",
                    words::other(process),
                    process.pid
                ),
                Confidence::Certain,
            )
        }
        (None, Some(helper)) if helper.pattern.starts_with('|') => (
            "see why the program of core_pattern does not read the dump".to_owned(),
            Confidence::Certain,
        ),
        _ => (
            "wait until the dump is written; see whether the disk that it goes to is slow or full"
                .to_owned(),
            Confidence::Certain,
        ),
    };
    Said {
        summary: format!("{who} is dumping core, and dies when that is done"),
        facts,
        remedy,
        confidence,
    }
}
