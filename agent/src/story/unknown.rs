//! What to report for a PID that no known process has.

use super::words::span;
use super::{Known, Seen, State, Story};

/// The page for an unknown PID, with advice.
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
        seen => nobody(known, seen),
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
        "for the process: reapwatch explain {tgid}; a thread that ends leaves no zombie"
    )];
    (summary, advice)
}

fn kernel_thread(pid: u32, comm: &str) -> (String, Vec<String>) {
    let summary = format!("{comm} (PID {pid}) is a kernel thread; reapwatch does not watch those");
    let advice = vec![format!(
        "a kernel thread leaves no zombie; to see where it is: cat /proc/{pid}/stack"
    )];
    (summary, advice)
}

fn nobody(known: &Known<'_>, seen: &Seen) -> (String, Vec<String>) {
    let pid = known.pid;
    let watched_ns = known.now_ns.saturating_sub(known.began_ns);
    let back = span(watched_ns.min(known.remembered_ns));
    let summary =
        format!("no process has PID {pid}, and reapwatch saw none with it exit in the last {back}");
    let mut advice = Vec::new();
    if let Some(pid_max) = seen.pid_max.filter(|&pid_max| pid >= pid_max) {
        advice.push(format!(
            "this kernel assigns no PID of {pid_max} or above (kernel.pid_max): check where the \
             number came from"
        ));
        return (summary, advice);
    }
    advice.push(if watched_ns < known.remembered_ns {
        format!(
            "reapwatch started {} ago and knows nothing of earlier exits; a permanent agent does: \
             reapwatch agent",
            span(watched_ns)
        )
    } else {
        format!(
            "it may have exited longer ago: reapwatch remembers the last few thousand exits, for {} \
             at most",
            span(known.remembered_ns)
        )
    });
    advice.push(format!(
        "the journal may have it: journalctl _PID={pid}; if the OOM killer ended it: \
         journalctl -k --grep 'process {pid}'"
    ));
    if seen.namesakes.is_empty() {
        advice.push(format!(
            "a PID seen inside a container differs from the one on the host; no running process has \
             PID {pid} in a container"
        ));
    }
    (summary, advice)
}
