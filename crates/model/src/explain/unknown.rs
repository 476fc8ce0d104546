//! The story of a PID that no known process has.

use super::words::span;
use super::{Known, Seen, State, Story};

/// A story without a process, with advice on where to look.
pub(super) fn story(known: &Known<'_>) -> Story {
    let (summary, mut advice) = match known.seen {
        Seen {
            thread_of: Some(process),
            ..
        } => thread(known.pid, process),
        Seen {
            kernel_thread: Some(comm),
            ..
        } => kernel_thread(known.pid, comm),
        Seen {
            is_recorded: true, ..
        } => not_recorded(known),
        seen => no_process(known, seen),
    };
    advice.extend(known.seen.namesakes.iter().map(|(host, comm)| {
        format!(
            "inside its container, {comm} has PID {}; on this host it is PID {host}: reapwatch \
             explain {host}",
            known.pid
        )
    }));
    Story {
        process: None,
        state: State::Unknown,
        exit: None,
        summary,
        meaning: None,
        timeline: Vec::new(),
        phases: Vec::new(),
        ancestry: Vec::new(),
        advice,
    }
}

fn thread(pid: u32, (tgid, comm): &(u32, String)) -> (String, Vec<String>) {
    let summary = format!("{pid} is not a process but a thread of {comm} (PID {tgid})");
    let advice = vec![format!(
        "to explain that process: reapwatch explain {tgid}; a thread leaves no zombie when it exits"
    )];
    (summary, advice)
}

fn kernel_thread(pid: u32, comm: &str) -> (String, Vec<String>) {
    let summary = format!("{comm} (PID {pid}) is a kernel thread, which reapwatch does not watch");
    let advice = vec![format!(
        "a kernel thread leaves no zombie; to see where it is: cat /proc/{pid}/stack"
    )];
    (summary, advice)
}

fn not_recorded(known: &Known<'_>) -> (String, Vec<String>) {
    let pid = known.pid;
    let span = span(known.now_ns.saturating_sub(known.began_ns));
    let summary = format!("no process with PID {pid} is in the recording up to here ({span})");
    let advice = vec![format!(
        "look in the journal of the recorded host: journalctl _PID={pid}"
    )];
    (summary, advice)
}

fn no_process(known: &Known<'_>, seen: &Seen) -> (String, Vec<String>) {
    let pid = known.pid;
    let watched_ns = known.now_ns.saturating_sub(known.began_ns);
    let back = span(watched_ns.min(known.remembered_ns));
    let summary = format!(
        "no process has PID {pid}, and none exited with it while reapwatch was watching ({back})"
    );
    let mut advice = Vec::new();
    if let Some(pid_max) = seen.pid_max.filter(|&pid_max| pid >= pid_max) {
        advice.push(format!(
            "PIDs on this host are below {pid_max} (kernel.pid_max): check where the number came \
             from"
        ));
        return (summary, advice);
    }
    advice.push(if watched_ns < known.remembered_ns {
        format!(
            "reapwatch started {} ago and saw no earlier exits; to record all exits, run a \
             permanent agent: reapwatch agent",
            span(watched_ns)
        )
    } else {
        format!(
            "it may have exited earlier: reapwatch keeps the last few thousand exits, for at most {}",
            span(known.remembered_ns)
        )
    });
    advice.push(format!(
        "look in the journal: journalctl _PID={pid}; if the OOM killer ended it: journalctl -k \
         --grep 'process {pid}'"
    ));
    if seen.namesakes.is_empty() {
        advice.push(format!(
            "a PID inside a container differs from the PID on the host; no running process has PID \
             {pid} in a container"
        ));
    }
    (summary, advice)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{explained, snapshot};
    use super::super::{Seen, State};

    #[test]
    fn an_unknown_pid_gets_advice() {
        let empty = snapshot(None);
        let advice = |seen: &Seen| {
            let story = explained(&[], Some(&empty), seen, 0).story;
            assert_eq!((story.state, &story.process), (State::Unknown, &None));
            format!("{}; {}", story.summary, story.advice.join("; "))
        };
        let no_process = advice(&Seen::default());
        assert!(no_process.contains("no process has PID 10"), "{no_process}");
        assert!(no_process.contains("journalctl _PID=10"), "{no_process}");
        let recorded = advice(&Seen {
            is_recorded: true,
            ..Seen::default()
        });
        assert!(
            recorded.contains("PID 10 is in the recording"),
            "{recorded}"
        );
        assert!(!recorded.contains("permanent agent"), "{recorded}");
        let high = advice(&Seen {
            pid_max: Some(10),
            ..Seen::default()
        });
        assert!(high.contains("below 10 (kernel.pid_max)"), "{high}");
        let thread = advice(&Seen {
            thread_of: Some((9, "java".to_owned())),
            ..Seen::default()
        });
        assert!(thread.contains("a thread of java (PID 9)"), "{thread}");
        let kernel = advice(&Seen {
            kernel_thread: Some("kswapd0".to_owned()),
            namesakes: vec![(4242, "nginx".to_owned())],
            ..Seen::default()
        });
        assert!(
            kernel.contains("kswapd0 (PID 10) is a kernel thread"),
            "{kernel}"
        );
        assert!(kernel.contains("nginx has PID 10"), "{kernel}");
        assert!(kernel.contains("reapwatch explain 4242"), "{kernel}");
    }
}
