//! It dumps core, which comes before its exit; its other threads wait for that. The dump goes to a
//! file, or through a pipe to the program of `core_pattern`
//! ([core(5)](https://man7.org/linux/man-pages/man5/core.5.html)).

use super::{Confidence, Rule, Said, hold, waits, words};
use crate::stuck::evidence::{CoreHelper, Stuck, Thread, Who};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::DumpingCore,
    id: "dumping_core",
    meaning: "The process crashed and writes its core dump before it dies.",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let who = words::who(stuck);
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
            "wait until the dump is written, which takes as long as the process is large; limit \
             dumps with ulimit -c or coredump_filter"
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
                "look at what the dump waits for: {}",
                words::look(stuck, thread)
            ),
            Confidence::Certain,
        )
    };
    Said {
        summary: format!("{who} is dumping core{doing}; it dies when the dump is done"),
        facts,
        remedy,
        confidence,
    }
}

/// Of a dump into a pipe: the doing, what to do, and how sure that is.
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
            "find the program of core_pattern and see why it does not read the dump; the dump is \
             given up when that program ends"
                .to_owned(),
            Confidence::Certain,
        );
    };
    facts.push(format!("the dump goes to {}", words::other(process)));
    let doing = if full {
        format!(
            " into a pipe that {} is not reading",
            words::named(process.pid, &process.comm)
        )
    } else {
        format!(" to {}", words::name(process))
    };
    (doing, end(process), Confidence::Certain)
}

fn end(helper: &Who) -> String {
    match hold::of(helper) {
        Some(hold) => format!(
            "{}; or give up the dump by ending {}: kill -9 {}",
            hold.action,
            words::name(helper),
            helper.pid
        ),
        None => format!(
            "if {} is not making progress, give up the dump by ending it: kill -9 {}",
            words::name(helper),
            helper.pid
        ),
    }
}
