//! What is counted since the agent came.

use std::fmt;

use crate::events::ExitStatus;
use crate::lifecycle::{Correction, Transition};

/// Exits since the agent came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Ended by themselves.
    pub exited: u64,
    /// Killed by a signal.
    pub killed: u64,
    /// Killed by a signal, with a core dump.
    pub dumped: u64,
}

/// Events lost since the agent came, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring to user space was full.
    pub ring_full: u64,
    /// The kernel side's memory of living processes was full.
    pub tasks_full: u64,
    /// User space could not decode the record.
    pub malformed: u64,
    /// The kernel skipped a run of a program, since one was under way on that CPU.
    pub skipped_runs: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// By itself.
    Exited,
    /// By a signal.
    Killed,
    /// By a signal, with a core dump.
    Dumped,
}

impl From<ExitStatus> for ExitKind {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Exited(_) => Self::Exited,
            ExitStatus::Killed(_) => Self::Killed,
            ExitStatus::Dumped(_) => Self::Dumped,
        }
    }
}

impl Exits {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            exited: self.exited + other.exited,
            killed: self.killed + other.killed,
            dumped: self.dumped + other.dumped,
        }
    }

    /// Of each kind the larger number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            exited: self.exited.max(other.exited),
            killed: self.killed.max(other.killed),
            dumped: self.dumped.max(other.dumped),
        }
    }

    /// The count of this kind.
    pub fn of(&mut self, kind: ExitKind) -> &mut u64 {
        match kind {
            ExitKind::Exited => &mut self.exited,
            ExitKind::Killed => &mut self.killed,
            ExitKind::Dumped => &mut self.dumped,
        }
    }

    /// By the kind, as the metric names it.
    pub fn by_kind(&self) -> [(&'static str, u64); 3] {
        [
            ("exited", self.exited),
            ("killed", self.killed),
            ("dumped", self.dumped),
        ]
    }

    /// Of every kind.
    pub fn total(&self) -> u64 {
        self.exited + self.killed + self.dumped
    }
}

impl Lost {
    /// By the reason, as the metric names it.
    pub fn by_reason(&self) -> [(&'static str, u64); 4] {
        [
            ("ring_full", self.ring_full),
            ("tasks_full", self.tasks_full),
            ("malformed", self.malformed),
            ("skipped_runs", self.skipped_runs),
        ]
    }

    /// For every reason.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, events)| events).sum()
    }
}

/// The reasons that there were, such as "ring_full 12, malformed 1".
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = self.by_reason().into_iter();
        let counted = reasons.filter(|(_, events)| *events > 0);
        let counted: Vec<_> = counted
            .map(|(reason, events)| format!("{reason} {events}"))
            .collect();
        f.write_str(&counted.join(", "))
    }
}

/// Deaths and reaps as counted from changes of the table, beside the counters of the kernel side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    finished: u64,
    found: u64,
    /// Ordinary deaths that the kernel side counted, with their reap, and did not report.
    pub ordinary: u64,
    /// Zombies that were counted without being listed, and are gone.
    vanished: u64,
    /// Deaths that were announced and have happened: the kernel side does not count them.
    pub confirmed: Exits,
}

impl Tally {
    /// Takes in one change.
    pub fn change(&mut self, change: &Transition) {
        match change {
            Transition::Finished(_) => self.finished += 1,
            Transition::Confirmed(record) => {
                if let Some(status) = record.status {
                    *self.confirmed.of(ExitKind::from(status)) += 1;
                }
            }
            Transition::Corrected(Correction::ZombieFound) => self.found += 1,
            Transition::UnlistedFound(count) => self.found += count,
            Transition::UnlistedVanished(count) => self.vanished += count,
            // It was not over after all.
            Transition::Corrected(Correction::AutoreapWrong) => {
                self.finished = self.finished.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Processes reaped. Those of whose death the record was lost are reaped too, unless a
    /// snapshot has found them as zombies.
    pub fn reaped(&self, lost_deaths: u64) -> u64 {
        self.finished + self.ordinary + self.lost_reaps(lost_deaths)
    }

    /// Reaps of which nothing was seen.
    pub fn lost_reaps(&self, lost_deaths: u64) -> u64 {
        lost_deaths.saturating_sub(self.found) + self.vanished
    }
}

#[cfg(test)]
mod tests {
    use super::Lost;

    #[test]
    fn only_reasons_that_occurred_are_listed() {
        let lost = Lost {
            ring_full: 12,
            malformed: 1,
            ..Lost::default()
        };
        assert_eq!(lost.to_string(), "ring_full 12, malformed 1");
        assert_eq!(lost.total(), 13);
    }
}
