//! A living process whose first thread has ended: /proc shows it as a zombie, and it is none.

use super::words::{count, who};
use crate::events::Process;
use crate::verdict::{Confidence, Verdict};

/// `threads` are those that live on, where that is known. The kernel lets nobody reap a leader
/// before the last thread of its process has ended
/// ([`delay_group_leader`](https://elixir.bootlin.com/linux/v6.12/A/ident/delay_group_leader)).
pub fn verdict(process: &Process, threads: Option<u32>) -> Verdict {
    let live = living(threads);
    Verdict {
        id: "leader_exited",
        summary: format!(
            "{}: its first thread has ended, {live}: not a zombie",
            who(process)
        ),
        evidence: vec![
            format!("the process lives: {live}"),
            "ps and /proc show it as Z (defunct), since they show its first thread".to_owned(),
            "nobody can reap it before its last thread ends, so no parent is to blame".to_owned(),
        ],
        remedy: format!(
            "nothing needs mending; to see its threads: ls /proc/{}/task",
            process.key.tgid
        ),
        confidence: Confidence::Certain,
    }
}

/// `3 threads live`.
pub(super) fn living(threads: Option<u32>) -> String {
    match threads {
        None => "others live".to_owned(),
        Some(1) => "1 thread lives".to_owned(),
        Some(threads) => format!("{} live", count(threads.into(), "thread")),
    }
}
