//! The processes that have had a PID, and the state of the last of them.

use api::ProcessState;

use super::Known;
use crate::events::{Process, Task, TaskState};
use crate::lifecycle::Record;

/// The state of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Alive.
    Alive,
    /// Alive, but its first thread has exited.
    LeaderExited,
    /// Exiting.
    Exiting,
    /// Dead and not reaped.
    Zombie,
    /// Gone.
    Reaped,
    /// No process with this PID is known.
    Unknown,
}

impl State {
    /// Whether any of its threads runs its program.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Alive | Self::LeaderExited)
    }

    /// The state, for an answer.
    pub fn for_answer(self) -> ProcessState {
        match self {
            Self::Alive | Self::LeaderExited => ProcessState::Alive,
            Self::Exiting => ProcessState::Exiting,
            Self::Zombie => ProcessState::Zombie,
            Self::Reaped => ProcessState::Reaped,
            Self::Unknown => ProcessState::Unknown,
        }
    }
}

/// One process that has or had the PID.
#[derive(Clone, Copy, Debug)]
pub struct Life<'a> {
    /// Its state.
    pub state: State,
    /// The process.
    pub process: &'a Process,
    /// Its entry in the snapshot.
    pub task: Option<&'a Task>,
    /// The record of its death.
    pub record: Option<&'a Record>,
    /// When the snapshot no longer showed it, if its reap was not seen.
    pub gone_by_ns: Option<u64>,
}

impl Life<'_> {
    /// The parent that has to reap it, or had to.
    pub fn parent(&self) -> Option<&Process> {
        match self.record {
            Some(record) => record.parent.as_ref(),
            None => self.task?.parent.as_ref(),
        }
    }

    /// Its ptracer.
    pub fn tracer(&self) -> Option<&Process> {
        match self.record {
            Some(record) => record.tracer.as_ref(),
            None => self.task?.tracer.as_ref(),
        }
    }

    /// The process that created it.
    pub fn forker(&self) -> Option<&Process> {
        let record = self.record.and_then(|record| record.forker.as_ref());
        record.or(self.task.and_then(|task| task.forker.as_ref()))
    }

    /// The process that has to act for it to be reaped: its tracer, else its parent.
    pub fn responsible(&self) -> Option<&Process> {
        self.tracer().or(self.parent())
    }
}

/// All known processes that have had the PID, the last one first. `shown` is the one in the
/// snapshot.
pub fn lives<'a>(known: &Known<'a>, shown: Option<&'a Task>) -> Vec<Life<'a>> {
    let fitting =
        |record: &Record| shown.filter(|task| task.process.key.is_roughly(record.process.key));
    let dead = known.records.iter().map(|record| {
        let task = fitting(record);
        // One that died during the snapshot may be missing.
        let looked = known
            .snapshot
            .filter(|snapshot| record.died.at_ns < snapshot.begun_ns);
        let vanished = looked.filter(|_| task.is_none() && record.reap.is_none());
        let gone_by_ns = vanished.map(|snapshot| snapshot.ended_ns);
        Life {
            state: if record.reap.is_some() || gone_by_ns.is_some() {
                State::Reaped
            } else {
                State::Zombie
            },
            process: &record.process,
            task,
            record: Some(record),
            gone_by_ns,
        }
    });
    let unrecorded = shown.filter(|_| known.records.iter().all(|record| fitting(record).is_none()));
    let living = unrecorded.map(|task| Life {
        state: match task.state {
            TaskState::Alive => State::Alive,
            TaskState::LeaderExited => State::LeaderExited,
            TaskState::Exiting => State::Exiting,
            TaskState::Zombie => State::Zombie,
        },
        process: &task.process,
        task: Some(task),
        record: None,
        gone_by_ns: None,
    });
    // A snapshot may lack a process that /proc shows: on some hosts the iterator hides the init.
    let unseen = known.seen.process.as_ref().filter(|process| {
        let is_it = |record: &&Record| record.process.key.is_roughly(process.key);
        shown.is_none() && !known.records.iter().any(is_it)
    });
    let unseen = unseen.map(|process| Life {
        state: State::Alive,
        process,
        task: None,
        record: None,
        gone_by_ns: None,
    });
    living.into_iter().chain(unseen).chain(dead).collect()
}
