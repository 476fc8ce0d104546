//! What deserves an Event: pods that leak zombies, and pods with a process that does not die. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use crate::host::kubernetes::PodEvent;
use crate::invisible::escaped;
use api::{Confidence, Container, Parent, Seconds, Stuck, Verdict};

/// Fewer zombies are no leak, as for the alert ReapwatchZombieLeak.
const LEAK: u64 = 10;
/// The longest message, in bytes; the API allows 1,024.
const LONGEST: usize = 1000;
/// Maximum number of further verdicts in a message.
const MOST_OTHERS: usize = 3;

/// A process that deserves an Event, in a known pod.
struct Finding<'a> {
    reason: &'static str,
    uid: &'a str,
    container: &'a Container,
    verdict: &'a Verdict,
    what: String,
}

/// One Event for each pod and reason: on the parent with most zombies, or the process that has been
/// exiting longest.
pub(super) fn of<'a>(
    parents: impl Iterator<Item = &'a Parent>,
    stuck: &'a [Stuck],
    stale_after: Duration,
) -> Vec<PodEvent> {
    let is_long = |time: Seconds| time.0 >= stale_after.as_secs_f64();
    let leaks = parents
        .filter(|parent| parent.zombies >= LEAK && parent.oldest_seconds.is_some_and(is_long))
        .filter_map(leak);
    let stuck = stuck
        .iter()
        .filter(|process| process.ignored.is_none() && is_long(process.stuck_seconds))
        .filter_map(stuck_exit);
    let mut pods: Vec<Vec<Finding<'a>>> = Vec::new();
    for finding in leaks.chain(stuck) {
        let key = (finding.uid, finding.reason);
        match pods
            .iter_mut()
            .find(|pod| (pod[0].uid, pod[0].reason) == key)
        {
            Some(pod) => pod.push(finding),
            None => pods.push(vec![finding]),
        }
    }
    pods.iter().filter_map(|pod| event(pod)).collect()
}

fn leak(parent: &Parent) -> Option<Finding<'_>> {
    let age = age(parent.oldest_seconds?, parent.oldest_is_lower_bound);
    finding(
        "ZombieLeak",
        parent.container.as_ref()?,
        parent.verdict.as_ref()?,
        format!("{} zombies, the oldest for {age}", parent.zombies),
    )
}

fn stuck_exit(process: &Stuck) -> Option<Finding<'_>> {
    let age = age(process.stuck_seconds, process.stuck_is_lower_bound);
    finding(
        "ExitStuck",
        process.container.as_ref()?,
        process.verdict.as_ref()?,
        format!("exiting for {age}"),
    )
}

/// `None` unless it is known to be in a pod.
fn finding<'a>(
    reason: &'static str,
    container: &'a Container,
    verdict: &'a Verdict,
    what: String,
) -> Option<Finding<'a>> {
    // The names below a user's cgroup are that user's, and a parent may be in another pod.
    if container.user.is_some() || container.of_parent {
        return None;
    }
    let uid = container.pod_uid.as_deref()?;
    Some(Finding {
        reason,
        uid,
        container,
        verdict,
        what,
    })
}

/// All findings of a pod with the same reason, the worst first.
fn event(pod: &[Finding<'_>]) -> Option<PodEvent> {
    let (worst, others) = pod.split_first()?;
    let Finding {
        container, verdict, ..
    } = worst;
    let place = container.name.as_ref();
    let place = place.map_or_else(String::new, |name| format!("container {name}: "));
    let guess = match verdict.confidence.known() {
        Some(Confidence::Guess) => " (a guess)",
        _ => "",
    };
    let message = format!(
        "{place}{}; {}; verdict: {}{guess}{}; to do: {}",
        verdict.summary,
        worst.what,
        verdict.id.0,
        also(worst, others),
        verdict.remedy
    );
    Some(PodEvent {
        namespace: container.namespace.clone()?,
        pod: container.pod.clone()?,
        uid: worst.uid.to_owned(),
        reason: worst.reason,
        verdict: verdict.id.0.to_string(),
        message: cut(escaped(&message)),
    })
}

/// What else there is in the pod: other containers, other verdicts.
fn also(worst: &Finding<'_>, others: &[Finding<'_>]) -> String {
    let what = |it: &Finding<'_>| (it.container.name.clone(), it.verdict.id.0.clone());
    let mut named = vec![what(worst)];
    let mut text = String::new();
    for (name, verdict) in others.iter().map(what) {
        if named.len() > MOST_OTHERS {
            break;
        }
        let other = (name, verdict);
        if named.contains(&other) {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = match &other {
            (Some(name), verdict) => write!(text, "; also {verdict} in container {name}"),
            (None, verdict) => write!(text, "; also {verdict}"),
        };
        named.push(other);
    }
    text
}

fn age(time: Seconds, is_lower_bound: bool) -> String {
    let age = humantime::format_duration(Duration::from_secs(time.0 as u64));
    let bound = if is_lower_bound { "at least " } else { "" };
    format!("{bound}{age}")
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| message.is_char_boundary(at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{OrOther, Process};

    const STALE: Duration = Duration::from_secs(30);

    fn container() -> Container {
        Container {
            name: Some("app".to_owned()),
            pod: Some("web-0".to_owned()),
            pod_uid: Some("u-1".to_owned()),
            namespace: Some("shop".to_owned()),
            ..Container::default()
        }
    }

    fn verdict(id: &'static str) -> Verdict {
        Verdict {
            id: id.into(),
            summary: "app (PID 7) does not wait for its children".to_owned(),
            evidence: Vec::new(),
            repeats: Vec::new(),
            remedy: "call waitpid".to_owned(),
            confidence: OrOther::Known(Confidence::Likely),
        }
    }

    fn parent(zombies: u64, oldest: f64) -> Parent {
        Parent {
            process: Process {
                pid: 7,
                start_time: None,
                comm: "app".to_owned(),
            },
            container: Some(container()),
            zombies,
            oldest_seconds: Some(Seconds(oldest)),
            oldest_is_lower_bound: false,
            leaked_per_second: 0.0,
            reaped_per_second: 0.0,
            reaped_total: 0,
            p50_seconds: None,
            p99_seconds: None,
            verdict: Some(verdict("never_waits")),
        }
    }

    fn stuck(seconds: f64) -> Stuck {
        Stuck {
            pid: 9,
            start_time: None,
            comm: "app".to_owned(),
            state: Some('D'),
            since: None,
            stuck_seconds: Seconds(seconds),
            stuck_is_lower_bound: true,
            exit_has_begun: Some(true),
            step: None,
            no_step: None,
            threads: Vec::new(),
            killer: None,
            ignored: None,
            waits_for: None,
            container: Some(container()),
            verdict: Some(verdict("closing_files")),
        }
    }

    fn found(parents: &[Parent], stuck: &[Stuck]) -> Vec<PodEvent> {
        of(parents.iter(), stuck, STALE)
    }

    #[test]
    fn a_leak_and_a_stuck_exit_are_events_on_their_pod() {
        let events = found(&[parent(12, 45.7)], &[stuck(90.0)]);
        let [leak, stuck] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!([leak.reason, &leak.verdict], ["ZombieLeak", "never_waits"]);
        let pod = [&leak.namespace, &leak.pod, &leak.uid];
        assert_eq!(pod, ["shop", "web-0", "u-1"]);
        for fact in [
            "container app",
            "PID 7",
            "12 zombies",
            "45s",
            "never_waits",
            "call waitpid",
        ] {
            assert!(leak.message.contains(fact), "{}", leak.message);
        }
        assert_eq!(
            [stuck.reason, &stuck.verdict],
            ["ExitStuck", "closing_files"]
        );
        assert!(
            stuck.message.contains("at least 1m 30s"),
            "{}",
            stuck.message
        );
    }

    #[test]
    fn young_zombies_few_zombies_and_recent_exits_are_none() {
        let parents = [parent(LEAK, 29.9), parent(LEAK - 1, 3600.0)];
        assert_eq!(found(&parents, &[stuck(29.9)]), []);
    }

    #[test]
    fn what_has_no_verdict_or_no_pod_is_none() {
        let without = |change: fn(&mut Parent)| {
            let mut parent = parent(12, 45.0);
            change(&mut parent);
            parent
        };
        let of = |change: fn(&mut Container)| {
            let mut parent = parent(12, 45.0);
            change(parent.container.as_mut().expect("it has one"));
            parent
        };
        let parents = [
            without(|it| it.verdict = None),
            without(|it| it.container = None),
            of(|it| it.pod = None),
            of(|it| it.user = Some(1000)),
            of(|it| it.of_parent = true),
        ];
        assert_eq!(found(&parents, &[]), []);
    }

    #[test]
    fn a_living_process_that_ignores_a_signal_is_none() {
        let sent = r#"{"process":null,"signal":"SIGTERM","at":"2026-11-30T01:02:03Z"}"#;
        let process = Stuck {
            ignored: Some(serde_json::from_str(sent).expect("a signal")),
            ..stuck(90.0)
        };
        assert_eq!(found(&[], &[process]), []);
    }

    #[test]
    fn each_pod_and_reason_has_one_event_about_the_worst_that_names_the_others() {
        let sidecar = |id| {
            let mut parent = parent(11, 45.0);
            let container = parent.container.as_mut().expect("it has one");
            container.name = Some("sidecar".to_owned());
            parent.verdict = Some(verdict(id));
            parent
        };
        let others = [
            parent(12, 45.0),
            sidecar("sigchld_blocked"),
            sidecar("sigchld_blocked"),
        ];
        let all = [&[parent(50, 45.0)], &others[..]].concat();
        let events = found(&all, &[]);
        let [event] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(event.message.contains("50 zombies"), "{}", event.message);
        let other = "; also sigchld_blocked in container sidecar";
        assert_eq!(event.message.matches(other).count(), 1, "{}", event.message);
        assert_eq!(event.message.matches("; also").count(), 1);
    }

    #[test]
    fn a_message_is_one_short_line() {
        let mut parent = parent(12, 45.0);
        let verdict = parent.verdict.as_mut().expect("it has one");
        verdict.summary = "a\nb\u{202e}".to_owned();
        verdict.remedy = "é".repeat(LONGEST);
        let message = &found(&[parent], &[])[0].message;
        assert!(message.len() <= LONGEST + '…'.len_utf8(), "{message}");
        assert!(message.contains("a\\nb"), "{message}");
    }
}
