//! It closes a device, and the driver does not return.

use super::{Confidence, Finding, Rule, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::in_driver::STEP,
    "The process is exiting and closing a device whose driver does not return.",
    judge,
);

fn judge(stuck: &Stuck, thread: &Thread) -> Finding {
    let driver = steps::in_driver::driver(thread).unwrap_or("a driver");
    let look = words::stack_command(stuck, thread);
    let (device, fact, remedy) = if driver == "tty" {
        (
            "terminal",
            "tty_release has not returned".to_owned(),
            format!(
                "end the process that is stuck reading or writing the other end of the terminal: \
                 grep -lE 'tty_(read|write)' /proc/[0-9]*/task/[0-9]*/stack lists it, along with \
                 processes that only wait for input (their stacks begin with wait_woken); a serial \
                 line may still be sending its last output; kernel stack of {}: {look}",
                stuck.comm
            ),
        )
    } else {
        (
            "device",
            format!("its innermost stack frame in a module belongs to {driver}"),
            format!(
                "find out what {driver} waits for: look in dmesg for a device that is gone or \
                 hangs, and save the kernel stack: {look}"
            ),
        )
    };
    Finding {
        does: format!("is closing a {device}, and the driver {driver} does not return"),
        facts: vec![fact],
        remedy,
        confidence: Confidence::Likely,
    }
}
