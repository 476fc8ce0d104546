//! Advice that fits this process and where it runs.

use super::words::subject;
use crate::culprit::evidence::{Evidence, Place};

/// Parents of containers: ending one ends its container.
const SHIMS: [&str; 3] = ["containerd-shim", "conmon", "docker-containe"];

/// How to get rid of the zombies without a fix: `restarting app (PID 42) clears its zombies …`.
/// `None` if there is no way.
pub(super) fn clear(evidence: &Evidence) -> Option<String> {
    let who = subject(evidence);
    let own_number = evidence.facts.as_ref().and_then(|facts| facts.own_number);
    if is_shim(evidence) {
        return Some(format!(
            "only ending {who} clears its zombies, and that also ends its container"
        ));
    }
    match own_number {
        // Only a reboot ends the init of a host.
        Some((1, 0)) => None,
        Some((1, _)) => Some("restarting the container clears the zombies".to_owned()),
        Some((_, 0)) | None => Some(format!(
            "restarting {who} clears its zombies (init or the nearest subreaper inherits and reaps \
             them)"
        )),
        Some(_) => Some(format!(
            "restarting {who} hands its zombies to PID 1 of its container, which must be an init \
             that reaps"
        )),
    }
}

/// The same, as the end of a sentence on a fix.
pub(super) fn until_fixed(evidence: &Evidence) -> Option<String> {
    clear(evidence).map(|clear| format!("until then, {clear}"))
}

/// Whether ending it ends a container.
fn is_shim(evidence: &Evidence) -> bool {
    SHIMS.iter().any(|shim| evidence.comm.starts_with(shim))
}

/// A fix for the program, and what helps until then.
pub(super) fn fix_program(evidence: &Evidence, fix: &str) -> String {
    let fix = format!("fix {}: {fix}", evidence.comm);
    match until_fixed(evidence) {
        Some(until) => format!("{fix}; {until}"),
        None => fix,
    }
}

/// How it should wait for its children. `waitpid(-1)` in a program that waits by PID would take
/// the exit statuses that those calls are for.
pub(super) fn wait_for_each(evidence: &Evidence) -> String {
    if evidence.waits_by_pid() {
        "call waitpid (or the wait method of its library) for each child it starts, by PID and \
         not with waitpid(-1), which would take exit statuses that its other wait calls need"
            .to_owned()
    } else {
        "call waitpid for each child it starts".to_owned()
    }
}

/// The alternative for a program that never needs exit statuses, with its side effects.
pub(super) const IGNORE_SIGCHLD: &str = "if neither it nor any program that it runs needs exit \
    statuses, setting SIGCHLD to SIG_IGN also works (waitpid then fails with ECHILD, and SIG_IGN \
    is inherited across exec)";

/// How to put an init before the program that is PID 1, where the process runs.
pub(super) fn add_init(evidence: &Evidence) -> String {
    let comm = &evidence.comm;
    match &evidence.place {
        Place::Pod {
            shares_pid_namespace: true,
            ..
        } => format!(
            "PID 1 of this pod's shared PID namespace is {comm}: use a pause image that reaps \
             (registry.k8s.io/pause does since 3.1), or stop sharing the PID namespace and run an \
             init in each container"
        ),
        Place::Pod { .. } => format!(
            "in the pod spec, start {comm} under an init: `command: [\"tini\", \"--\", …]` with \
             tini or dumb-init in the image, or `shareProcessNamespace: true`, which makes the \
             pause container PID 1"
        ),
        Place::Container { .. } => {
            "start the container with an init: `docker run --init` or `podman run --init`, or tini \
             as the image's entrypoint"
                .to_owned()
        }
        Place::Unit { name } => format!(
            "in a drop-in of {name}, start {comm} under an init such as tini or dumb-init in \
             ExecStart="
        ),
        Place::Host => format!(
            "start {comm} under an init that reaps, such as tini or dumb-init (`docker run --init` \
             adds one)"
        ),
    }
}

/// How an exec probe or hook leaves no orphans when it times out.
pub(super) const PROBE: &str = "if an exec probe or hook leaves them when its timeout kills its \
    shell, make it run a single program (`exec` in its script) with a timeout below \
    timeoutSeconds (`timeout 4 …`)";
