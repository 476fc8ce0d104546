//! What to say of a number that no known process has.

use super::words::span;
use super::{Known, Seen, State, Story};

/// The page that says so, and what to look at.
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
            "inside its container, {comm} has the number {}; here it is {host}: reapwatch explain \
             {host}",
            known.pid
        )
    }));
    Story {
        process: None,
        state: State::Unknown,
        summary,
        meaning: None,
        timeline: Vec::new(),
        phases: Vec::new(),
        ancestry: Vec::new(),
        advice,
    }
}

fn thread(pid: u32, (tgid, comm): &(u32, String)) -> (String, Vec<String>) {
    let summary =
        format!("{pid} is no process: it is the number of a thread of {comm} (PID {tgid})");
    let advice = vec![format!(
        "ask for the process: reapwatch explain {tgid}; a thread that ends leaves no zombie"
    )];
    (summary, advice)
}

fn kernel_thread(pid: u32, comm: &str) -> (String, Vec<String>) {
    let summary = format!("{comm} (PID {pid}) is a kernel thread, which reapwatch does not watch");
    let advice = vec![format!(
        "it is a part of the kernel and no program, and leaves no zombie; to see where it is: cat \
         /proc/{pid}/stack"
    )];
    (summary, advice)
}

fn nobody(known: &Known<'_>, seen: &Seen) -> (String, Vec<String>) {
    let pid = known.pid;
    let watched_ns = known.now_ns.saturating_sub(known.began_ns);
    let back = span(watched_ns.min(known.remembered_ns));
    let summary =
        format!("no process has PID {pid} now, and reapwatch saw none die with it, {back} back");
    let mut advice = Vec::new();
    if let Some(pid_max) = seen.pid_max.filter(|&pid_max| pid >= pid_max) {
        advice.push(format!(
            "this kernel gives no number of {pid_max} or above (kernel.pid_max), so look where the \
             number came from"
        ));
        return (summary, advice);
    }
    advice.push(if watched_ns < known.remembered_ns {
        format!(
            "reapwatch came {} ago, and knows nothing of those who were gone before; an agent that \
             always runs does: reapwatch agent",
            span(watched_ns)
        )
    } else {
        format!(
            "it may have died longer ago: deaths are remembered for {}, the latest few thousand of \
             them",
            span(known.remembered_ns)
        )
    });
    advice.push(format!(
        "the journal may know it: journalctl _PID={pid}; and the kernel, if it ran out of memory: \
         journalctl -k --grep 'process {pid}'"
    ));
    if seen.namesakes.is_empty() {
        advice.push(format!(
            "a number seen inside a container is another one here, and no process that lives has \
             the number {pid} in one"
        ));
    }
    (summary, advice)
}
