//! Its tracer has stopped it at the start of its exit (`PTRACE_O_TRACEEXIT`). Since Linux 6.0
//! SIGKILL does not end that stop: `prepare_signal` (kernel/signal.c) drops all signals after a
//! fatal one.

use super::{Confidence, Finding, Rule, hold, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps;

pub(super) const RULE: Rule = Rule::at(
    &steps::ptrace_exit_stop::STEP,
    "The process is stopped at the start of its exit until its tracer lets it continue.",
    judge,
);

fn judge(stuck: &Stuck, _thread: &Thread) -> Finding {
    let tracer = stuck.facts.as_ref().and_then(|facts| facts.tracer.as_ref());
    match tracer {
        Some(tracer) => {
            let mut facts = vec![format!("its tracer is {}", words::with_state(tracer))];
            let remedy = if let Some(hold) = hold::of(tracer) {
                // The line above already states that the tracer is stopped.
                facts.extend((tracer.state != Some('T')).then_some(hold.why));
                hold.action
            } else {
                let block = tracer.block.as_ref();
                let unknown = block.and_then(|block| block.unknown.as_ref());
                facts.extend(unknown.map(|why| {
                    format!(
                        "what {} waits for is not fully known: {why}",
                        words::name(tracer)
                    )
                }));
                hold::release(tracer)
            };
            Finding {
                does: format!(
                    "is stopped at the start of its exit by its tracer {}",
                    words::name(tracer)
                ),
                facts,
                remedy,
                confidence: Confidence::Certain,
            }
        }
        None => Finding {
            does: "is stopped at the start of its exit by its tracer".to_owned(),
            facts: vec!["its tracer was not found".to_owned()],
            remedy: format!(
                "find the tracer and detach it: grep TracerPid /proc/{}/task/*/status",
                stuck.pid
            ),
            confidence: Confidence::Likely,
        },
    }
}
