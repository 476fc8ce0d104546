//! It is dumping core, which happens before its exit; its other threads wait for that. The dump goes
//! to a file, or through a pipe to the program of `core_pattern`
//! ([core(5)](https://man7.org/linux/man-pages/man5/core.5.html)).

use super::{Confidence, Finding, Rule, hold, waits, words};
use crate::stuck::evidence::{Actor, CoreHelper, Stuck, Thread};
use crate::stuck::steps;
use crate::words::named;

pub(super) const RULE: Rule = Rule::at(
    &steps::dumping_core::STEP,
    "The process crashed and is dumping core. It dies when the dump is done.",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    let helper = stuck
        .facts
        .as_ref()
        .and_then(|facts| facts.core_helper.as_ref());
    let mut facts = Vec::new();
    if let Some(helper) = helper {
        facts.push(format!("core_pattern is {}", helper.pattern));
        let mount = helper.mount.as_ref();
        facts.extend(mount.map(|mount| format!("the core file is on {mount}")));
    }
    let works = thread.state == 'R' || thread.waits_for_disk();
    let (doing, remedy, confidence) = if works {
        (
            String::new(),
            "wait until the dump is written, which takes longer for a large process; limit dumps \
             with ulimit -c or coredump_filter"
                .to_owned(),
            Confidence::Certain,
        )
    } else if let Some(waits) = waits::outside(stuck, thread) {
        facts.extend(waits.facts);
        (
            format!(" and waits for {}", waits.what),
            waits.remedy,
            waits.confidence,
        )
    } else if let Some(helper) = helper.filter(|it| it.pattern.starts_with('|')) {
        of_helper(thread, helper, &mut facts)
    } else {
        (
            String::new(),
            format!(
                "find out what the dump waits for: {}",
                words::stack_command(stuck, thread)
            ),
            Confidence::Certain,
        )
    };
    Finding {
        does: format!("is dumping core{doing}; it dies when the dump is done"),
        facts,
        remedy,
        confidence,
    }
}

/// Of a dump into a pipe: what it does, the remedy, and the confidence.
fn of_helper(
    thread: &Thread,
    helper: &CoreHelper,
    facts: &mut Vec<String>,
) -> (String, String, Confidence) {
    let full = thread.waits_for_reader();
    let Some(process) = &helper.process else {
        let doing = if full {
            " into a pipe that is not being read"
        } else {
            ""
        };
        return (
            doing.to_owned(),
            "find the program of core_pattern and find out why it does not read the dump; the \
             dump is aborted when that program exits"
                .to_owned(),
            Confidence::Certain,
        );
    };
    facts.push(format!("the dump goes to {}", words::with_state(process)));
    let doing = if full {
        format!(
            " into a pipe that {} is not reading",
            named(process.pid, &process.comm)
        )
    } else {
        format!(" to {}", words::name(process))
    };
    (doing, end(process), Confidence::Certain)
}

fn end(helper: &Actor) -> String {
    match hold::of(helper) {
        Some(hold) => format!(
            "{}; or abort the dump by ending {}: kill -9 {}",
            hold.action,
            words::name(helper),
            helper.pid
        ),
        None => format!(
            "if {} makes no progress, abort the dump by ending it: kill -9 {}",
            words::name(helper),
            helper.pid
        ),
    }
}
