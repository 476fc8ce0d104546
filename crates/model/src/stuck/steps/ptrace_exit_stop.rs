//! Stopped for its tracer at the first step of its exit.

use super::step::Step;

/// The step.
pub const STEP: Step = Step {
    sleeps: true,
    ..Step::new(
        "ptrace_exit_stop",
        "stopped by its tracer at the start of its exit",
        |thread| {
            // SIGKILL ends every other stop for a tracer.
            let sleeps = thread.wchan.is_none() || thread.sleeps_in("ptrace_stop");
            let stopped = matches!(thread.state, 't' | 'T') && thread.stack.is_empty() && sleeps;
            stopped || thread.exits_in(&["ptrace_notify", "ptrace_stop"])
        },
    )
};
