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
    let look = format!("cat /proc/{}/task/{}/stack", stuck.pid, thread.tid);
    let (device, fact, remedy) = if driver == "tty" {
        (
            "terminal",
            "the release function of a terminal (tty_release) has not returned".to_owned(),
            format!(
                "end whoever cannot leave a read or write of the terminal's other end, or let a \
                 serial line send what is left; to see where it waits: {look}"
            ),
        )
    } else {
        (
            "device",
            format!("the innermost function of a module is in {driver}"),
            format!(
                "see what {driver} waits for (dmesg; the device may have gone or hang), and keep: \
                 {look}"
            ),
        )
    };
    Said {
        summary: format!("{who} is closing a {device}, and the driver {driver} does not return"),
        facts: vec![fact],
        remedy,
        confidence: Confidence::Likely,
    }
}
