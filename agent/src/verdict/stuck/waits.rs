//! Whom a thread in the kernel waits for outside it, and what to do about that.

use super::{Confidence, words};
use crate::evidence::stuck::{Stuck, Thread};

/// What the wait is for.
pub(super) struct Waits {
    /// `a disk`.
    pub(super) what: &'static str,
    /// Facts about it.
    pub(super) facts: Vec<String>,
    /// One sentence.
    pub(super) remedy: String,
    /// How sure it is.
    pub(super) confidence: Confidence,
}

/// `None` where its stack names no server and no disk.
pub(super) fn outside(stuck: &Stuck, thread: &Thread) -> Option<Waits> {
    let facts = stuck.facts.as_ref()?;
    let asked = thread.waits_for_requests() && !facts.fuse.is_empty();
    if asked || thread.waits_for_fuse() {
        let (remedy, confidence) = words::abort(facts).unwrap_or_else(|| {
            let remedy = "find the FUSE server that does not answer: the connections with \
                 unanswered requests show it (grep . /sys/fs/fuse/connections/*/waiting)";
            (remedy.to_owned(), Confidence::Likely)
        });
        return Some(Waits {
            what: "a FUSE server that does not answer",
            facts: words::connections(facts),
            remedy,
            confidence,
        });
    }
    if let Some((fact, remedy)) = words::network(facts) {
        return Some(Waits {
            what: "a file server",
            facts: vec![fact],
            remedy,
            confidence: Confidence::Likely,
        });
    }
    words::waits_for_block(thread).then(|| Waits {
        what: "a disk",
        facts: Vec::new(),
        remedy: "look for the disk that does not answer: dmesg, and the requests in flight in \
             /sys/block/*/inflight"
            .to_owned(),
        confidence: Confidence::Likely,
    })
}
