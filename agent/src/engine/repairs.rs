//! When the table of the dead is compared with a snapshot, which repairs what lost events broke.

use std::time::Instant;

use model::counts::Lost;
use model::events::Snapshot;
use model::lifecycle::{Comparison, Lifecycle, Transition};

use super::intake::SETTLE_NS;
use crate::problem::{News, Problem};

/// Minimum time between two extra repairs.
const EVERY_NS: u64 = 1_000_000_000;
/// And as a multiple of the time that a snapshot takes.
const PAUSES: u64 = 20;

/// Regular repairs become rarer when they should be rarer than that.
const RARE_NS: u64 = 60_000_000_000;
/// From this many processes on a snapshot is large.
const MANY: usize = 20_000;

/// The state of repairs.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// Set when something happened that only a snapshot can explain.
    wanted: bool,
    /// From the request for a snapshot until it has been compared.
    under_way: bool,
    last_ns: u64,
    /// How long the last snapshot took.
    took_ns: u64,
    /// A snapshot waiting for its events.
    unsettled: Option<Snapshot>,
    /// The comparison under way.
    comparison: Option<Comparison>,
    lost_before: u64,
    losing: Problem,
}

impl Repairs {
    pub(super) fn want_if(&mut self, wanted: bool) {
        self.wanted |= wanted;
    }

    /// Wants the regular repair, unless the last one is less than `least_ns` ago and repairs are rare.
    pub(super) fn want_regular(&mut self, least_ns: u64, now_ns: u64) {
        let age_ns = now_ns.saturating_sub(self.last_ns);
        self.wanted |= least_ns <= RARE_NS || age_ns >= least_ns;
    }

    /// If it is of use, or repairs are rare and half the time until the next is over, takes a snapshot
    /// that was taken for something else. Whether it does.
    pub(super) fn takes_spare(
        &mut self,
        snapshot: &Snapshot,
        least_ns: u64,
        is_of_use: bool,
    ) -> bool {
        let age_ns = snapshot.begun_ns.saturating_sub(self.last_ns);
        let is_soon = least_ns > RARE_NS && age_ns >= least_ns / 2;
        let takes = !self.under_way && (is_of_use || is_soon);
        if takes {
            self.begin(snapshot.begun_ns);
        }
        takes
    }

    /// Wants a repair if events were lost since the last call.
    pub(super) fn note_lost(&mut self, lost: Lost) {
        let total = lost.total();
        let new = total.saturating_sub(self.lost_before);
        self.lost_before = total.max(self.lost_before);
        self.wanted |= new > 0;
        let losing = (new > 0).then_some(());
        if self.losing.note(losing, Instant::now()) == Some(News::Began) {
            log::warn!(
                "{new} events lost; comparing with the process table (lost since start: {lost})"
            );
        }
    }

    /// Whether a repair waits for its time.
    pub(super) fn is_waiting(&self) -> bool {
        self.wanted || self.unsettled.is_some()
    }

    /// Whether a snapshot must be taken now.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        let pause_ns = EVERY_NS.max(PAUSES * self.took_ns);
        self.wanted && !self.under_way && now_ns.saturating_sub(self.last_ns) >= pause_ns
    }

    /// A snapshot has been asked for.
    pub(super) fn begin(&mut self, now_ns: u64) {
        (self.wanted, self.under_way, self.last_ns) = (false, true, now_ns);
    }

    /// The snapshot, which has to wait for events from before it; `None` if it failed.
    pub(super) fn hold(&mut self, snapshot: Option<Snapshot>) {
        self.under_way = snapshot.is_some();
        if let Some(snapshot) = &snapshot {
            self.took_ns = snapshot.ended_ns - snapshot.begun_ns;
        }
        self.unsettled = snapshot;
    }

    /// Whether a large snapshot is waiting or being compared.
    pub(super) fn holds_much(&self) -> bool {
        let compared = self.comparison.as_ref().map(Comparison::snapshot);
        let mut held = self.unsettled.iter().chain(compared);
        held.any(|snapshot| snapshot.tasks.len() > MANY)
    }

    /// The waiting snapshot, once all events from before it have arrived and nothing is being
    /// compared.
    pub(super) fn settled(&mut self, now_ns: u64) -> Option<Snapshot> {
        let due = |snapshot: &mut Snapshot| snapshot.ended_ns.saturating_add(SETTLE_NS) <= now_ns;
        let unsettled = (!self.is_comparing()).then_some(&mut self.unsettled)?;
        unsettled.take_if(due)
    }

    /// Begins to compare it.
    pub(super) fn compare_with(&mut self, snapshot: Snapshot) {
        self.comparison = Some(Comparison::new(snapshot));
    }

    /// Whether a comparison is under way.
    pub(super) fn is_comparing(&self) -> bool {
        self.comparison.is_some()
    }

    /// Compares the next part. Repairs are appended to `out`.
    pub(super) fn compare(&mut self, lifecycle: &mut Lifecycle, out: &mut Vec<Transition>) {
        let is_more = |it: &mut Comparison| lifecycle.reconcile_part(it, out);
        if !self.comparison.as_mut().is_some_and(is_more) {
            self.comparison = None;
            self.under_way = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::state::LIMITS;

    use super::*;

    #[test]
    fn a_repair_starts_only_after_the_previous_one_and_at_most_once_a_second() {
        let mut repairs = Repairs::default();
        let at = |ended_ns| Snapshot {
            begun_ns: ended_ns,
            ended_ns,
            exact_start: true,
            tasks: Vec::new().into(),
        };
        assert!(!repairs.is_due(9 * EVERY_NS));
        repairs.want_if(true);
        assert!(repairs.is_due(9 * EVERY_NS));
        repairs.begin(9 * EVERY_NS);
        repairs.want_if(true);
        assert!(!repairs.is_due(20 * EVERY_NS), "it waits for its snapshot");
        let ended_ns = 9 * EVERY_NS + 1;
        repairs.hold(Some(at(ended_ns)));
        assert!(repairs.settled(ended_ns).is_none(), "events are in flight");
        let settled = repairs.settled(ended_ns + SETTLE_NS);
        repairs.compare_with(settled.expect("a snapshot"));
        repairs.want_if(true);
        assert!(!repairs.is_due(20 * EVERY_NS), "it is being compared");
        let mut lifecycle = Lifecycle::new(LIMITS);
        while repairs.is_comparing() {
            repairs.compare(&mut lifecycle, &mut Vec::new());
        }
        assert!(!repairs.is_due(10 * EVERY_NS - 1));
        assert!(repairs.is_due(10 * EVERY_NS));
        repairs.begin(10 * EVERY_NS);
        repairs.want_if(true);
        repairs.hold(None);
        assert!(repairs.is_due(11 * EVERY_NS), "the snapshot failed");
    }

    #[test]
    fn where_snapshots_take_long_regular_repairs_are_rare_and_use_others_snapshots() {
        let least_ns = 3 * RARE_NS;
        let at = |begun_ns| Snapshot {
            begun_ns,
            ended_ns: begun_ns,
            exact_start: true,
            tasks: Vec::new().into(),
        };
        let begun = || {
            let mut repairs = Repairs::default();
            repairs.begin(RARE_NS);
            repairs.hold(None);
            repairs
        };
        let wanted = |least_ns, now_ns| {
            let mut repairs = begun();
            repairs.want_regular(least_ns, now_ns);
            repairs.is_waiting()
        };
        assert!(wanted(RARE_NS, 2 * RARE_NS - 1), "they are not rare");
        assert!(!wanted(least_ns, 4 * RARE_NS - 1));
        assert!(wanted(least_ns, 4 * RARE_NS));
        let mut repairs = begun();
        assert!(
            !repairs.takes_spare(&at(2 * RARE_NS), least_ns, false),
            "too soon"
        );
        assert!(
            !repairs.takes_spare(&at(3 * RARE_NS), RARE_NS, false),
            "not rare"
        );
        assert!(repairs.takes_spare(&at(3 * RARE_NS), least_ns, false));
        assert!(
            !repairs.takes_spare(&at(9 * RARE_NS), least_ns, true),
            "under way"
        );
    }

    #[test]
    fn lost_events_cause_one_repair() {
        let lost = |ring_full| Lost {
            ring_full,
            ..Lost::default()
        };
        let mut repairs = Repairs::default();
        repairs.note_lost(lost(3));
        assert!(repairs.is_due(EVERY_NS));
        repairs.begin(EVERY_NS);
        repairs.hold(None);
        repairs.note_lost(lost(3));
        assert!(!repairs.is_due(9 * EVERY_NS));
    }
}
