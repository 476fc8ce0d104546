//! It closes a device, and the driver does not return.

use super::{Confidence, Rule, Said, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::{self, Step};

pub(super) const RULE: Rule = Rule {
    step: Step::InDriver,
    id: "in_driver",
    meaning: "The process is exiting and closing a device whose driver does not return.",
    say,
};

fn say(stuck: &Stuck, thread: &Thread) -> Said {
    let who = words::who(stuck);
    let driver = steps::driver(thread).unwrap_or("a driver");
    let look = words::look(stuck, thread);
    let (device, fact, remedy) = if driver == "tty" {
        (
            "terminal",
            "tty_release has not returned".to_owned(),
            format!(
                "end the process that is stuck in a read or write of the other end of the \
                 terminal: grep -lE 'tty_(read|write)' /proc/[0-9]*/task/[0-9]*/stack finds it, \
                 and those that only wait for input (wait_woken comes first there); a serial line \
                 may still be sending its last output; to see where {} waits: {look}",
                stuck.comm
            ),
        )
    } else {
        (
            "device",
            format!("its innermost stack frame in a module belongs to {driver}"),
            format!(
                "find out what {driver} waits for: look at dmesg for a device that is gone or \
                 hangs, and save the stack: {look}"
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
