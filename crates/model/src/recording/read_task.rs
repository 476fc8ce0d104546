//! One process of a snapshot, from its line.

use super::read::{Fields, Malformed, comm, process};
use crate::events::{Asked, Exec, Ignored, Peeked, Target, Task, TaskState, Waits};

impl Fields<'_> {
    pub(super) fn task(&self) -> Result<Task, Malformed> {
        let process = self.must("process", process)?;
        let state = if self.has("leader_exited") {
            TaskState::LeaderExited
        } else if self.has("zombie") {
            TaskState::Zombie
        } else if self.has("exiting") {
            TaskState::Exiting
        } else {
            TaskState::Alive
        };
        Ok(Task {
            is_held: false,
            state,
            parent: self.someone("parent")?,
            tracer: self.someone("tracer")?,
            forker: self.someone("forker")?,
            kill: self.kill()?.map(Box::new),
            begin_ns: self.maybe_time("begin")?,
            status: self.status()?,
            exit_signal: self.number("exit_signal")?,
            cgroups: self.cgroups()?,
            uid: self.number("uid")?.unwrap_or(0),
            waits: self.waits()?.map(Box::new),
            dead_by_ns: self.maybe_time("dead_by")?,
            pids: self.pids(process.key.tgid)?,
            exec: self.exec()?.map(Box::new),
            exec_id: self.number("exec_id")?,
            parent_exec_id: self.number("parent_exec_id")?,
            group: self.number("group")?.unwrap_or(0),
            session: self.number("session")?.unwrap_or(0),
            subreaper: self.maybe("subreaper", |value| match value {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })?,
            stop_signal: self.number("stop_signal")?,
            ignored: self.ignored()?.map(Box::new),
            process,
        })
    }

    fn exec(&self) -> Result<Option<Exec>, Malformed> {
        let Some(at_ns) = self.maybe_time("exec")? else {
            return Ok(None);
        };
        let former = self.must("former", comm)?;
        Ok(Some(Exec { at_ns, former }))
    }

    fn ignored(&self) -> Result<Option<Ignored>, Malformed> {
        let Some(at_ns) = self.maybe_time("ignored")? else {
            return Ok(None);
        };
        Ok(Some(Ignored {
            signal: self.must("ignored_signal", |value| value.parse().ok())?,
            at_ns,
            by: self.someone("ignored_from")?,
            by_choice: self.has("ignored_by_choice"),
        }))
    }

    fn waits(&self) -> Result<Option<Waits>, Malformed> {
        let Some(calls) = self.number("waits")? else {
            return Ok(None);
        };
        Ok(Some(Waits {
            calls,
            last_ns: self.maybe_time("last_wait")?,
            asked: self.asked()?,
        }))
    }

    fn asked(&self) -> Result<Option<Asked>, Malformed> {
        if !self.has("asked_any") {
            return Ok(None);
        }
        let count = |name| Ok(self.number(name)?.unwrap_or(0));
        Ok(Some(Asked {
            any: count("asked_any")?,
            process: count("asked_process")?,
            group: count("asked_group")?,
            pidfd: count("asked_pidfd")?,
            clones: count("asked_clones")?,
            of_thread: count("asked_of_thread")?,
            peeks: count("peeks")?,
            last_take_ns: self.maybe_time("last_take")?,
            last_any_ns: self.maybe_time("last_any")?,
            last_peek_ns: self.maybe_time("last_peek")?,
            peeked: Peeked {
                any: count("peeked_any")?,
                process: count("peeked_process")?,
                group: count("peeked_group")?,
                pidfd: count("peeked_pidfd")?,
                clones: count("peeked_clones")?,
                of_thread: count("peeked_of_thread")?,
                last_any_ns: self.maybe_time("last_any_peek")?,
                last: self.maybe("peeked_at", target)?,
            },
        }))
    }
}

/// `any`, `process:nr` and the like.
fn target(value: &str) -> Option<Target> {
    let (word, number) = value.split_once(':').unwrap_or((value, ""));
    Some(match word {
        "any" => Target::Any,
        "clones" => Target::Clones,
        "of_thread" => Target::OfThread,
        "process" => Target::Process(number.parse().ok()?),
        "group" => Target::Group(number.parse().ok()?),
        "pidfd" => Target::Pidfd(number.parse().ok()?),
        _ => return None,
    })
}
