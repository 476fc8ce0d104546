//! A living process whose main thread has ended: /proc shows it as a zombie, but it is not.

use super::words::{count, who};
use crate::events::Process;
use crate::verdict::{Confidence, Verdict};

/// `threads` are the living ones, if known. The kernel does not let a leader be reaped before the
/// last thread of its process has ended
/// ([`delay_group_leader`](https://elixir.bootlin.com/linux/v6.12/A/ident/delay_group_leader)).
pub fn verdict(process: &Process, threads: Option<u32>) -> Verdict {
    let live = living(threads);
    Verdict {
        id: "leader_exited",
        summary: format!(
            "{} is not a zombie: its main thread has ended but {live}",
            who(process)
        ),
        evidence: vec![
            format!("the process is alive: {live}"),
            "ps and /proc show Z (defunct) because they look at the main thread only".to_owned(),
            "it cannot be reaped before its last thread ends, so its parent is not to blame"
                .to_owned(),
        ],
        remedy: format!(
            "nothing to fix; to list its threads: ls /proc/{}/task",
            process.key.tgid
        ),
        confidence: Confidence::Certain,
    }
}

/// `3 threads live`.
pub(super) fn living(threads: Option<u32>) -> String {
    match threads {
        None => "other threads are running".to_owned(),
        Some(1) => "1 thread is running".to_owned(),
        Some(threads) => format!("{} are running", count(threads.into(), "thread")),
    }
}
