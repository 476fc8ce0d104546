//! A terminating signal that did not end a living process, by what snapshots show. Pure.

use super::{
    Facts,
    ignored::{Fate, Hints, Ignored},
};
use crate::culprit::evidence::Place;
use crate::events::{self, KillBy, Task};

/// SIGKILL cannot be blocked.
const SIGKILL: u8 = 9;

/// One signal, sent once or repeatedly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) signal: u8,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    pub(super) times: u32,
}

/// A signal that a living process ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnhandledSignal {
    /// The last one.
    pub last: events::Ignored,
    /// When the first one was sent that was seen.
    pub first_ns: u64,
    /// How often it was seen to be sent.
    pub times: u32,
    /// Whether the sender of the last one is alive.
    pub sender_lives: bool,
    /// Whether it may be pending: it was not ignored, but the process may block it or be stopped.
    pub may_be_pending: bool,
    /// Whether the process is in a PID namespace of its own.
    pub in_namespace: bool,
}

impl Repeated {
    pub(super) fn of(former: Option<Self>, last: &events::Ignored) -> Self {
        match former.filter(|former| former.signal == last.signal) {
            Some(former) => Self {
                times: former.times + u32::from(former.last_ns != last.at_ns),
                last_ns: last.at_ns,
                ..former
            },
            None => Self {
                signal: last.signal,
                first_ns: last.at_ns,
                last_ns: last.at_ns,
                times: 1,
            },
        }
    }
}

impl UnhandledSignal {
    /// What shows whether a process waits; `None` if the kernel sent it.
    pub fn hints(&self, now_ns: u64, sender_waits: Option<bool>) -> Option<Hints> {
        Some(Hints {
            signal: self.last.signal,
            sender: self.last.by?.comm,
            times: self.times,
            last_ago_ns: now_ns.saturating_sub(self.last.at_ns),
            sender_lives: self.sender_lives,
            sender_waits,
        })
    }

    fn fate(&self, facts: Option<&Facts>) -> Option<Fate> {
        if self.may_be_pending {
            facts?.pending
        } else if self.last.by_choice {
            Some(Fate::ByChoice)
        } else {
            Some(Fate::AsInit)
        }
    }

    /// What is known of it now; `None` if the process has handled the signal since.
    pub(super) fn ignored(
        &self,
        now_ns: u64,
        facts: Option<&Facts>,
        place: Place,
        signal: fn(u8) -> String,
    ) -> Option<Ignored> {
        let sender = self.last.by.as_ref()?;
        let waits = facts.and_then(|facts| facts.sender_waits);
        Some(Ignored {
            signal: signal(self.last.signal),
            sender: (sender.key.tgid, sender.comm.to_string()),
            first_ago_ns: now_ns.saturating_sub(self.first_ns),
            times: self.times,
            fate: self.fate(facts)?,
            in_namespace: self.in_namespace,
            awaited: self.hints(now_ns, waits)?.awaited(),
            place,
        })
    }
}

/// The last terminating signal that has had no effect so far, and whether it may be pending: a process
/// that got it and has not begun to exit may block it, or be stopped.
pub(super) fn last(task: &Task) -> Option<(events::Ignored, bool)> {
    let kill = task.kill.as_ref();
    let kill = kill.filter(|kill| kill.signal != SIGKILL && kill.by == Some(KillBy::Process));
    let pending = kill.map(|kill| events::Ignored {
        signal: kill.signal,
        at_ns: kill.at_ns,
        by: kill.process,
        by_choice: false,
    });
    let pending = pending.map(|it| (it, true));
    let ignored = task.ignored.as_deref().map(|it| (*it, false));
    ignored
        .into_iter()
        .chain(pending)
        .max_by_key(|(it, _)| it.at_ns)
}
