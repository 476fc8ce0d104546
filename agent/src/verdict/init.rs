//! The init of a PID namespace inherits every orphan there, and must wait for them.

use super::{Confidence, Verdict, waits_for_others, words};
use crate::evidence::Evidence;

pub(super) const ID: &str = "init_without_reaping";

/// Programs that are inits: to add one would not help.
const INITS: [&str; 7] = [
    "tini",
    "docker-init",
    "dumb-init",
    "catatonit",
    "systemd",
    "s6-svscan",
    "init",
];

/// The first process of a pod, which has no program of its own to add an init before. Kubernetes'
/// reaps since 3.1:
/// <https://github.com/kubernetes/kubernetes/blob/master/build/pause/CHANGELOG.md>.
const PAUSE: &str = "pause";

/// Applies to an init that waits for nobody, or not for the orphans that it got.
pub(super) fn rule(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.is_init() {
        return None;
    }
    let never = evidence.ever_waited() == Some(false);
    let not_for_orphans = evidence.holds_mostly_adopted()
        && (waits_for_others::is_seen(evidence) || evidence.has_not_waited_since_they_died());
    if !never && !not_for_orphans {
        return None;
    }
    let who = words::who(evidence);
    let (_, depth) = evidence.facts.as_ref()?.own_number?;
    let mut lines = vec![if depth == 0 {
        "it is PID 1 of this host, which inherits every orphan".to_owned()
    } else {
        "it is PID 1 of its PID namespace, which inherits every orphan there".to_owned()
    }];
    let waits_elsewhere = waits_for_others::surest(evidence);
    lines.extend(waits_elsewhere.iter().map(|(_, line)| line.clone()));
    lines.extend(words::adopted(evidence));
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::threads(evidence));
    lines.extend(words::deaf(evidence));
    let remedy = if depth == 0 {
        format!(
            "mend or replace {}: PID 1 of a host must wait for any child",
            evidence.comm
        )
    } else if evidence.comm == PAUSE {
        "run its pod with a pause image that reaps (registry.k8s.io/pause does since 3.1), or \
         without shareProcessNamespace and with an init in each container"
            .to_owned()
    } else if INITS.contains(&evidence.comm.as_str()) {
        format!(
            "it is an init already, so another one does not help: restart its container, and \
             report this of {}",
            evidence.comm
        )
    } else {
        format!(
            "start the container with an init before {}: `docker run --init`, tini as its \
             entrypoint, or shareProcessNamespace in its pod; until then a restart of the \
             container frees its zombies",
            evidence.comm
        )
    };
    Some(Verdict {
        id: ID,
        summary: format!(
            "{who} is PID 1 of its {}, and does not reap",
            if depth == 0 { "host" } else { "container" }
        ),
        evidence: lines,
        remedy,
        confidence: if never && words::long_watched(evidence) {
            Confidence::Certain
        } else if waits_elsewhere.is_some_and(|(surest, _)| surest == Confidence::Certain) {
            Confidence::Likely
        } else {
            words::not_seen(evidence, Confidence::Likely)
        },
    })
}
