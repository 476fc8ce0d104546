//! Which program forked a zombie: the current program of its holder, an earlier program of the same
//! process, or another process. Pure.
//!
//! If the fork was not seen, the kernel's exec counters help. A process starts with the count of its
//! forker, increments it at each exec (`self_exec_id`), and keeps the count that its forker had
//! (`parent_exec_id`), even when it is adopted
//! ([`copy_process`](https://elixir.bootlin.com/linux/v6.12/A/ident/copy_process)). With
//! `CLONE_PARENT` it gets what its forker kept: the count of the parent that both have.
//!
//! - More than its holder has now: the holder never had so many, so another process forked it. That
//!   is certain.
//! - Fewer: the holder forked it before its last exec, or it was adopted from a process that had
//!   made fewer execs. Only a subreaper or the init of a PID namespace adopts, so that of any
//!   other holder the first is certain.
//! - As many: the holder's program forked it, or it was adopted from a process with as many, such
//!   as a child of the holder that executed nothing.

use std::cmp::Ordering;

use crate::events::{Key, Process, TICK_TOLERANCE_NS, Task};
use crate::lifecycle::Record;

/// A child of an init or subreaper that started so soon after it was most likely not adopted, but
/// forked by the script that became it.
const SOON_NS: u64 = 1_000_000_000;

/// How its holder became the parent of a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The program that the holder runs now forked it.
    Own,
    /// The holder forked it as another program.
    BeforeExec,
    /// Another process forked it, and is gone.
    Adopted,
    /// Another process forked it for the holder (`CLONE_PARENT`), and lives.
    ForHolder,
    /// It may be any of these.
    Unknown,
}

/// A process that holds zombies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder<'a> {
    key: Key,
    task: Option<&'a Task>,
    /// How far a start time may be off.
    tolerance_ns: u64,
}

impl<'a> Holder<'a> {
    pub(super) fn new(holder: &Process, task: Option<&'a Task>, exact_start: bool) -> Self {
        Self {
            key: holder.key,
            task,
            tolerance_ns: if exact_start { 0 } else { TICK_TOLERANCE_NS },
        }
    }

    /// The origin of this zombie. If the holder has adopted any process (`has_adopted`), the session
    /// of a zombie shows whether it was adopted too.
    pub(super) fn origin(
        &self,
        record: &Record,
        zombie: Option<&Task>,
        forker_lives: impl Fn(Key) -> bool,
        has_adopted: bool,
    ) -> Origin {
        let Some(forker) = &record.forker else {
            return self.guessed(record, zombie, has_adopted);
        };
        if !forker.key.is_roughly(self.key) {
            return if forker_lives(forker.key) {
                Origin::ForHolder
            } else {
                Origin::Adopted
            };
        }
        let before = self.is_before_exec(record) || self.execs_of(zombie) == Some(Ordering::Less);
        if before {
            Origin::BeforeExec
        } else {
            Origin::Own
        }
    }

    /// Whether a zombie whose fork was not seen must have been adopted.
    pub(super) fn is_surely_adopted(&self, record: &Record, zombie: Option<&Task>) -> bool {
        let start_ns = record.process.key.start_ns;
        let execs = self.execs_of(zombie);
        let is_older = start_ns + self.tolerance_ns < self.key.start_ns;
        let too_young = execs == Some(Ordering::Less) && self.is_after_exec(record);
        is_older || too_young || execs == Some(Ordering::Greater)
    }

    fn guessed(&self, record: &Record, zombie: Option<&Task>, has_adopted: bool) -> Origin {
        if self.is_surely_adopted(record, zombie) {
            return Origin::Adopted;
        }
        match self.execs_of(zombie) {
            Some(Ordering::Less) if !self.may_adopt() => Origin::BeforeExec,
            // Such as an orphan of a process that was started from outside (docker exec).
            Some(Ordering::Less)
                if self.adopts(has_adopted) && self.is_of_another_session(zombie) =>
            {
                Origin::Adopted
            }
            // A start script starts its background jobs at once.
            Some(Ordering::Less) if self.is_soon_after_start(record) => Origin::BeforeExec,
            _ if !self.may_adopt() => Origin::Own,
            _ => Origin::Unknown,
        }
    }

    /// The exec count of its forker, compared with that of the holder.
    fn execs_of(&self, zombie: Option<&Task>) -> Option<Ordering> {
        let of_forker = zombie?.parent_exec_id?;
        Some(of_forker.cmp(&self.task?.exec_id?))
    }

    fn is_before_exec(&self, record: &Record) -> bool {
        let exec = self.task.and_then(|task| task.exec.as_ref());
        exec.is_some_and(|exec| record.process.key.start_ns < exec.at_ns)
    }

    fn is_after_exec(&self, record: &Record) -> bool {
        let exec = self.task.and_then(|task| task.exec.as_ref());
        exec.is_some_and(|exec| record.process.key.start_ns > exec.at_ns + self.tolerance_ns)
    }

    /// Whether it may inherit orphans.
    fn may_adopt(&self) -> bool {
        self.may_be_init() || self.task.is_none_or(|task| task.subreaper != Some(false))
    }

    /// Whether it is known to inherit orphans.
    fn adopts(&self, has_adopted: bool) -> bool {
        let is_subreaper = self.task.is_some_and(|task| task.subreaper == Some(true));
        has_adopted || is_subreaper || self.may_be_init()
    }

    /// The list lacks the innermost PID if the namespaces are nested too deep.
    fn may_be_init(&self) -> bool {
        let Some(task) = self.task else { return false };
        let own = task.pids.last();
        own.is_some_and(|own| own.nr == 1) || task.pids.len() >= wire::NAMESPACE_LEVELS
    }

    fn is_soon_after_start(&self, record: &Record) -> bool {
        let started_ns = record.process.key.start_ns;
        started_ns.saturating_sub(self.key.start_ns) < SOON_NS
    }

    fn is_of_another_session(&self, zombie: Option<&Task>) -> bool {
        let session = |task: Option<&Task>| {
            let session = task.map(|task| task.session);
            session.filter(|&session| session != 0)
        };
        let both = session(self.task).zip(session(zombie));
        both.is_some_and(|(one, other)| one != other)
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
