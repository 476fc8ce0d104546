//! What the loop counts of its own work.

use crate::{
    events::Event,
    kernel::Counters,
    lifecycle::{Correction, Transition},
    metrics::{Events, ExitKind, Exits, Lost},
};

/// Counts since the agent came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) events: Events,
    pub(super) malformed: u64,
    finished: u64,
    found: u64,
    /// Deaths that were announced and have happened: the kernel side does not count them.
    confirmed: Exits,
}

impl Tally {
    pub(super) fn change(&mut self, change: &Transition) {
        match change {
            Transition::Finished(_) => self.finished += 1,
            Transition::Confirmed(record) => {
                if let Some(status) = record.status {
                    *self.confirmed.of(ExitKind::from(status)) += 1;
                }
            }
            Transition::Corrected(Correction::ZombieFound) => self.found += 1,
            // It was not over after all.
            Transition::Corrected(Correction::AutoreapWrong) => {
                self.finished = self.finished.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Processes that died.
    pub(super) fn exits(&self, counters: &Counters) -> Exits {
        let counted = by_kind(counters, 0);
        Exits {
            exited: counted.exited + self.confirmed.exited,
            killed: counted.killed + self.confirmed.killed,
            dumped: counted.dumped + self.confirmed.dumped,
        }
    }

    /// Processes reaped. Those of whose death the record was lost are reaped too, as far as no
    /// snapshot has found them lying there.
    pub(super) fn reaped(&self, lost_deaths: u64) -> u64 {
        self.finished + self.lost_reaps(lost_deaths)
    }

    pub(super) fn lost_reaps(&self, lost_deaths: u64) -> u64 {
        lost_deaths.saturating_sub(self.found)
    }

    pub(super) fn event(&mut self, event: &Event) {
        let events = &mut self.events;
        *match event {
            Event::Death(_) => &mut events.death,
            Event::Release(_) => &mut events.release,
            Event::Waited(_) => &mut events.waited,
            Event::Freed(_) => &mut events.freed,
            Event::Renotified(_) => &mut events.renotified,
            Event::HungUp(_) => &mut events.hung_up,
            Event::Exec(_) => &mut events.exec,
            Event::CgroupMade(_) => &mut events.cgroup_made,
        } += 1;
    }

    pub(super) fn lost(&self, counters: &Counters, skipped_runs: u64) -> Lost {
        Lost {
            ring_full: counters.get(wire::counter::LOST_RING_FULL),
            tasks_full: counters.get(wire::counter::LOST_TASKS_FULL),
            malformed: self.malformed,
            skipped_runs,
        }
    }
}

/// Those of which user space learns by their number alone.
pub(super) fn lost_deaths(counters: &Counters) -> Exits {
    by_kind(counters, wire::counter::LOST_DEATH)
}

fn by_kind(counters: &Counters, first: u32) -> Exits {
    Exits {
        exited: counters.get(first + wire::counter::EXITED),
        killed: counters.get(first + wire::counter::KILLED),
        dumped: counters.get(first + wire::counter::DUMPED),
    }
}
