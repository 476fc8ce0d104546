//! It closes a device, and the driver does not return.

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{
    Stuck, Thread,
    steps::{self, Step},
};

pub(super) const RULE: Rule = Rule {
    step: Step::InDriver,
    id: "in_driver",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let who = words::who(stuck);
    let driver = steps::driver(thread).unwrap_or("a driver");
    Said {
        summary: format!("{who} is closing a device, and the driver {driver} does not return"),
        facts: vec![format!("the innermost function of a module is in {driver}")],
        remedy: format!(
            "see what {driver} waits for (dmesg; the device may have gone or hang), and keep: \
             cat /proc/{}/task/{}/stack",
            stuck.pid, thread.tid
        ),
        confidence: Confidence::Likely,
    }
}
