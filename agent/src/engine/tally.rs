//! The loop's own counters.

use crate::metrics::Events;
use crate::probes::Counters;
use model::counts::{Exits, Lost};
use model::events::Event;
use model::recording::Counted;

/// Counts since the agent started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) events: Events,
    pub(super) malformed: u64,
    /// Probe runs that the kernel skipped.
    pub(super) skipped_runs: u64,
}

impl Tally {
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

    pub(super) fn lost(&self, counters: &Counters) -> Lost {
        Lost {
            ring_full: counters.get(wire::counter::LOST_RING_FULL),
            tasks_full: counters.get(wire::counter::LOST_TASKS_FULL),
            malformed: self.malformed,
            skipped_runs: self.skipped_runs,
        }
    }

    /// All counts; `confirmed` are exits that the kernel side announced and then confirmed.
    pub(super) fn counted(&self, counters: &Counters, confirmed: Exits) -> Counted {
        let lost = self.lost(counters);
        let exits = exits(counters).plus(confirmed);
        let lost_exits = lost_deaths(counters);
        Counted {
            exited: exits.exited,
            killed: exits.killed,
            dumped: exits.dumped,
            lost_deaths: lost_exits.total(),
            lost_killed: lost_exits.killed,
            lost_dumped: lost_exits.dumped,
            ring_full: lost.ring_full,
            tasks_full: lost.tasks_full,
            malformed: lost.malformed,
            skipped_runs: lost.skipped_runs,
        }
    }
}

/// Processes that died, as far as the kernel side counts them.
fn exits(counters: &Counters) -> Exits {
    by_kind(counters, 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::lifecycle::{Lifecycle, Limits};
    use model::recording::{self, Line};

    const LIMITS: Limits = Limits {
        open: 8,
        recent: 8,
        recent_ns: u64::MAX,
    };
    const ANNOUNCED: &str = "death at=2s process=7:child parent=6:parent autoreap \
                             before_notification";
    const TOLD: &str = "death at=3s process=7:child parent=6:parent";
    const FREED: &str = "freed at=9s dead=7";

    /// What is counted for one death, and how much of it as lost.
    fn counted(announced: bool, sent: bool) -> (u64, u64) {
        let mut counters = Counters::default();
        let mut add = |index, is: bool| counters.values[index as usize] += u64::from(is);
        add(
            wire::counter::EXITED,
            wire::counter::is_counted(sent, announced),
        );
        add(
            wire::counter::LOST_DEATH,
            wire::counter::is_lost(sent, announced),
        );
        let lines = [(announced, ANNOUNCED), (sent, TOLD), (true, FREED)];
        let mut lifecycle = Lifecycle::new(LIMITS);
        let mut changes = Vec::new();
        for (_, line) in lines.iter().filter(|(arrives, _)| *arrives) {
            let Ok(Some(Line::Event(event))) = recording::parse(line) else {
                panic!("no event: {line}");
            };
            lifecycle.apply(&event, &mut changes);
        }
        let mut tally = model::counts::Tally::default();
        for change in &changes {
            tally.change(change);
        }
        (
            exits(&counters).plus(tally.confirmed).total(),
            lost_deaths(&counters).total(),
        )
    }

    #[test]
    fn a_death_is_counted_once_whichever_of_its_records_are_lost() {
        assert_eq!(counted(false, true), (1, 0));
        assert_eq!(counted(false, false), (1, 1));
        assert_eq!(counted(true, true), (1, 0));
        assert_eq!(counted(true, false), (1, 0));
    }
}
