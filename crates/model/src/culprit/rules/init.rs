//! The init of a PID namespace inherits every orphan there, and must wait for them.

use super::{Confidence, Rule, Verdict, remedy, waiting, waits_for_others, words};
use crate::culprit::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    id: "init_without_reaping",
    meaning: "The process is PID 1 of its container or host, inherits every orphan there, and \
              does not wait for them.",
    judge,
};

/// Programs that are inits: adding another one would not help.
const INITS: [&str; 7] = [
    "tini",
    "docker-init",
    "dumb-init",
    "catatonit",
    "systemd",
    "s6-svscan",
    "init",
];

/// The first process of a pod: no init can be put before it. That of Kubernetes reaps since 3.1:
/// <https://github.com/kubernetes/kubernetes/blob/master/build/pause/CHANGELOG.md>.
const PAUSE: &str = "pause";

/// Applies to an init that never waits, or does not wait for the orphans that it inherited.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    if !evidence.is_init() {
        return None;
    }
    let never = evidence.ever_waited() == Some(false);
    let not_for_orphans = evidence.holds_mostly_adopted()
        && (waits_for_others::is_seen(evidence) || evidence.has_not_waited_since_they_died());
    let unknown_origin = never && evidence.waits_elsewhere().is_none();
    if !unknown_origin && !not_for_orphans {
        return None;
    }
    let who = words::subject(evidence);
    let (_, depth) = evidence.facts.as_ref()?.own_number?;
    let mut lines = vec![if depth == 0 {
        "it is PID 1 of this host, which inherits every orphan".to_owned()
    } else {
        "it is PID 1 of its PID namespace, which inherits every orphan there".to_owned()
    }];
    let waits_elsewhere = waits_for_others::surest(evidence);
    lines.extend(waits_elsewhere.iter().map(|(_, line)| line.clone()));
    lines.extend(words::adopted(evidence));
    let killed = evidence.zombies.adopted > 0 && evidence.zombies.forker_was_killed;
    if killed {
        lines.push(
            "the process that started them was killed by SIGKILL, which is what happens to an exec \
             probe or hook that times out"
                .to_owned(),
        );
    }
    lines.extend([words::habits(evidence), words::holds(evidence)]);
    lines.extend(words::accounts(evidence));
    lines.extend(words::program(evidence));
    lines.extend(waiting::thread(evidence));
    lines.extend(words::sigchld_handling(evidence).or_else(|| words::no_notification(evidence)));
    lines.extend(words::ran(evidence));
    let mut remedy = fix(evidence, depth);
    if killed {
        remedy = format!("{remedy}; {}", remedy::PROBE);
    }
    if let Some(until) = remedy::until_fixed(evidence) {
        remedy = format!("{remedy}; {until}");
    }
    let certain_elsewhere = waits_elsewhere.is_some_and(|(surest, _)| surest >= Confidence::Likely);
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{who} is PID 1 of its {} and does not reap the orphans that it inherits",
            if depth == 0 { "host" } else { "container" }
        ),
        evidence: lines,
        remedy,
        confidence: if certain_elsewhere && evidence.holds_mostly_adopted() {
            Confidence::Likely
        } else {
            words::not_seen(evidence, Confidence::Likely)
        },
    })
}

fn fix(evidence: &Evidence, depth: u32) -> String {
    let comm = &evidence.comm;
    if depth == 0 {
        format!("fix or replace {comm}: PID 1 of a host must reap every child")
    } else if comm == PAUSE {
        "run the pod with a pause image that reaps (registry.k8s.io/pause does since 3.1), or \
         remove shareProcessNamespace and run an init in each container"
            .to_owned()
    } else if INITS.contains(&comm.as_str()) {
        format!(
            "{comm} is already an init, so adding another one does not help: report the bug to its \
             project"
        )
    } else {
        remedy::add_init(evidence)
    }
}
