//! The init of a PID namespace: waits for all other processes in it.

use super::step::Step;

/// The step.
pub const STEP: Step = Step::new(
    "waiting_for_namespace",
    "waiting until everything in its PID namespace is reaped",
    |thread| {
        let name = "zap_pid_ns_processes";
        thread.exits_in(&[name]) || thread.exits_unseen() && thread.sleeps_in(name)
    },
);
