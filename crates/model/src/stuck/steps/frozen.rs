//! Killed, but its cgroup is frozen.

use super::step::Step;

/// The step.
pub const STEP: Step = Step {
    is_before_exit: true,
    sleeps: true,
    ..Step::new("frozen", "killed while its cgroup is frozen", |thread| {
        // Not the trap of version 2 (`do_freezer_trap`), which SIGKILL ends.
        let name = "__refrigerator";
        let sleeps = thread.state == 'D' && thread.sleeps_in(name);
        thread.frozen || thread.has_frame(&[name]) || !thread.exits() && sleeps
    })
};
