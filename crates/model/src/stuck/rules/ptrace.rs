//! It stopped for its tracer at the start of its exit (`PTRACE_O_TRACEEXIT`). Since Linux 6.0 a
//! SIGKILL does not end that stop: `prepare_signal` (kernel/signal.c) drops what comes after a
//! fatal signal.

use super::{Confidence, Rule, Said, hold, words};
use crate::stuck::evidence::{Stuck, Thread};
use crate::stuck::steps::Step;

pub(super) const RULE: Rule = Rule {
    step: Step::PtraceExitStop,
    id: "ptrace_exit_stop",
    meaning: "The process is stopped at the start of its exit until its tracer lets it continue.",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let tracer = stuck.facts.as_ref().and_then(|facts| facts.tracer.as_ref());
    match tracer {
        Some(tracer) => {
            let mut facts = vec![format!("its tracer is {}", words::other(tracer))];
            let remedy = if let Some(hold) = hold::of(tracer) {
                facts.push(hold.why);
                hold.action
            } else {
                let block = tracer.block.as_ref();
                let unknown = block.and_then(|block| block.unknown.as_ref());
                facts.extend(unknown.map(|why| {
                    format!("what {} waits for is not known: {why}", words::name(tracer))
                }));
                hold::release(tracer)
            };
            Said {
                summary: format!(
                    "{who} is held at the start of its exit by its tracer {}",
                    words::name(tracer)
                ),
                facts,
                remedy,
                confidence: Confidence::Certain,
            }
        }
        None => Said {
            summary: format!("{who} is held at the start of its exit by its tracer"),
            facts: vec!["its tracer was not found".to_owned()],
            remedy: format!(
                "find the tracer and detach it: grep TracerPid /proc/{}/task/*/status",
                stuck.pid
            ),
            confidence: Confidence::Likely,
        },
    }
}
