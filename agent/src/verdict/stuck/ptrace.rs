//! It stopped for its tracer at the start of its exit (`PTRACE_O_TRACEEXIT`). Since Linux 6.0 a
//! SIGKILL does not end that stop: `prepare_signal` (kernel/signal.c) drops what comes after a
//! fatal signal.

use super::{Confidence, Rule, Said, words};
use crate::evidence::stuck::{Stuck, Thread, steps::Step};

pub(super) const RULE: Rule = Rule {
    step: Step::PtraceExitStop,
    id: "ptrace_exit_stop",
    say,
};

fn say(stuck: &Stuck, _thread: &Thread) -> Said {
    let who = words::who(stuck);
    let tracer = stuck.facts.as_ref().and_then(|facts| facts.tracer.as_ref());
    match tracer {
        Some(tracer) => {
            let name = words::other(tracer);
            Said {
                summary: format!(
                    "{who} is stopped at the start of its exit until its tracer {name} lets it go"
                ),
                facts: vec![format!("the tracer is {name}")],
                remedy: format!(
                    "let the tracer {name} go on, detach it, or end its session (`detach` or \
                     `quit` in a debugger, Ctrl-C for strace)"
                ),
                confidence: Confidence::Certain,
            }
        }
        None => Said {
            summary: format!(
                "{who} is stopped at the start of its exit until its tracer lets it go"
            ),
            facts: vec!["its tracer could not be found".to_owned()],
            remedy: format!(
                "find the tracer and detach it: grep TracerPid /proc/{}/task/*/status",
                stuck.pid
            ),
            confidence: Confidence::Likely,
        },
    }
}
