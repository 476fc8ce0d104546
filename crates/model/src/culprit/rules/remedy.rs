//! What to do, so that it is true of this process and this place.

use super::words::who;
use crate::culprit::evidence::{Evidence, Place};

/// Parents of containers: to end one ends its container.
const SHIMS: [&str; 3] = ["containerd-shim", "conmon", "docker-containe"];

/// How to be rid of the zombies without a fix: `restarting app (PID 42) clears them …`. `None`
/// where there is no such way.
pub(super) fn clear(evidence: &Evidence) -> Option<String> {
    let who = who(evidence);
    let own_number = evidence.facts.as_ref().and_then(|facts| facts.own_number);
    if is_shim(evidence) {
        return Some(format!(
            "only ending {who} clears its zombies, and that ends its container too"
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

/// The same as the end of a sentence on a fix.
pub(super) fn until_fixed(evidence: &Evidence) -> Option<String> {
    clear(evidence).map(|clear| format!("until then, {clear}"))
}

/// Whether its end ends a container.
fn is_shim(evidence: &Evidence) -> bool {
    SHIMS.iter().any(|shim| evidence.comm.starts_with(shim))
}

/// A fix of the program, and how to live until then.
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
        "call waitpid (or the wait method of its library) for each child it starts, by PID; not \
         waitpid(-1), which would take the exit statuses that its other waits need"
            .to_owned()
    } else {
        "call waitpid for each child it starts".to_owned()
    }
}

/// The other way for a program that never looks at exit statuses, with its price.
pub(super) const IGNORE_SIGCHLD: &str = "if neither it nor a program that it runs ever needs an \
    exit status, setting SIGCHLD to SIG_IGN also works (it makes waitpid fail with ECHILD and is \
    inherited across exec)";

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

/// How an exec probe or hook leaves nothing behind when its timeout comes.
pub(super) const PROBE: &str = "if they come from an exec probe or hook whose timeout kills its \
    shell: let the probe run a single program (`exec` in its script), and give that program a \
    timeout below timeoutSeconds (`timeout 4 …`)";
