//! A living process whose main thread has exited. /proc shows it as a zombie, which it is not.

use super::words::{count, named};
use crate::events::Process;
use crate::verdict::{Confidence, Verdict};

/// `threads` is the number of its remaining threads, if known. The kernel does not let a leader be
/// reaped before the last thread of its process has exited
/// ([`delay_group_leader`](https://elixir.bootlin.com/linux/v6.12/A/ident/delay_group_leader)).
pub fn verdict(process: &Process, threads: Option<u32>) -> Verdict {
    let live = living(threads);
    Verdict {
        id: "leader_exited",
        summary: format!(
            "{} is not a zombie: its main thread has exited, but {live}",
            named(process)
        ),
        evidence: vec![
            format!("the process is alive: {live}"),
            "ps and /proc show Z (defunct) because they look at the main thread only".to_owned(),
            "it cannot be reaped before its last thread exits, so its parent is not at fault"
                .to_owned(),
        ],
        remedy: format!(
            "nothing to fix; to list its threads: ls /proc/{}/task",
            process.key.tgid
        ),
        confidence: Confidence::Certain,
    }
}

/// `3 threads are still running`.
pub(super) fn living(threads: Option<u32>) -> String {
    match threads {
        None => "other threads are still running".to_owned(),
        Some(1) => "1 thread is still running".to_owned(),
        Some(threads) => format!("{} are still running", count(threads.into(), "thread")),
    }
}
