//! Events from the kernel: they go into the state, and what they change is published and recorded.

use std::{mem, time::Duration, vec};

use super::{
    conditions::Conditions, deaths::Deaths, host, intake::Intake, judge::SUSPECTS, names::Resolver,
    recorder::Recorder, recording_file::Sink, repairs::Repairs, settings::Settings,
};
use crate::host::memory::room_for_zombies;
use crate::memory::Shrinking;
use crate::metrics::Metrics;
use crate::probes::{self, Attached, Counters, HookKind, Pidfds};
use crate::problem::Problem;
use model::events::{self, Event, Snapshot};
use model::lifecycle::{Lifecycle, Limits, Transition};
use model::recording::Head;
use model::state::{LIMITS, State};
use model::workload::Answer;
use wire::{BOUNDS_NS, Times};

/// How long a part of what the kernel side has may take; other work comes in between.
const PART_NS: u64 = 1_000_000;
/// Maximum number of changes held before they are published; a full ring can hold millions.
const PUBLISHED_AT_ONCE: usize = 256;

/// The kernel side, the state that it feeds, and where changes of the state go.
pub(super) struct Feed {
    pub(super) kernel: Attached,
    pub(super) intake: Intake,
    pub(super) repairs: Repairs,
    pub(super) resolver: Resolver,
    pub(super) state: State,
    pub(super) deaths: Deaths,
    pub(super) recorder: Recorder,
    /// The slots of deaths that are being taken in.
    held: vec::IntoIter<u32>,
    /// Whether there is more, in the ring or of these.
    is_behind: bool,
    /// Not published yet.
    pub(super) changes: Vec<Transition>,
    pub(super) shrinking: Shrinking,
}

impl Feed {
    /// The state of a machine of which nothing is known yet, and what feeds it.
    pub(super) fn new(
        kernel: Attached,
        conditions: &Conditions,
        settings: &Settings,
        sink: Option<Sink>,
    ) -> anyhow::Result<Self> {
        let began_ns = probes::now_ns();
        let pidfds = (kernel.source == HookKind::Tracepoint).then(Pidfds::new);
        let (resolver, workloads) = Resolver::start(settings, began_ns)?;
        let about = Head {
            host: host::name(),
            kernel: host::kernel(),
            source: kernel.source.into(),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            began_ns,
        };
        let mut recorder = Recorder::begin(sink, &about);
        let state = State {
            counts_waits: conditions.counts_waits(),
            why_unjudged: format!("only the {SUSPECTS} processes with the most zombies are judged"),
            lifecycle: Lifecycle::new(Limits {
                open: room_for_zombies(),
                ..LIMITS
            }),
            ..State::new(about, probes::wall(), workloads)
        };
        recorder.wall(state.wall);
        let metrics = Metrics::new(settings.stale_after, settings.max_groups);
        kernel.board.set_quick(quick_ns(settings.stale_after));
        Ok(Self {
            kernel,
            intake: Intake::new(pidfds.transpose()?),
            repairs: Repairs::default(),
            resolver,
            state,
            deaths: Deaths::new(metrics, wire::CGROUPS, began_ns),
            recorder,
            held: vec::IntoIter::default(),
            is_behind: false,
            changes: Vec::new(),
            shrinking: Shrinking::default(),
        })
    }

    /// Takes in what the kernel side has sent, or the first part of that.
    pub(super) fn drain(&mut self) {
        self.follow_clock();
        let until_ns = probes::now_ns() + PART_NS;
        self.is_behind |= !(self.take_in_ring(until_ns) && self.take_in_due(until_ns));
        self.publish();
        self.publish_waiting();
        self.deaths.ordinary.admit(&mut self.kernel.board);
    }

    /// Takes in all that the kernel side has sent or held back until now, and what parents have
    /// reaped meanwhile: before all that needs to know every zombie.
    pub(super) fn catch_up(&mut self) {
        self.begin_to_catch_up();
        while self.is_behind {
            self.catch_up_further();
        }
    }

    /// The same in parts, of which this is the first.
    pub(super) fn begin_to_catch_up(&mut self) {
        self.follow_clock();
        self.held = self.kernel.board.held().into_iter();
        self.catch_up_further();
    }

    /// Whether there are more parts.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// The next part.
    pub(super) fn catch_up_further(&mut self) {
        let until_ns = probes::now_ns() + PART_NS;
        self.is_behind = !(self.take_in_ring(until_ns)
            && self.take_in_due(until_ns)
            && self.take_in_held(until_ns));
        self.publish();
        if !self.is_behind {
            self.take_in_reaps();
        }
    }

    fn take_in_reaps(&mut self) {
        let now_ns = probes::now_ns();
        for slot in self.kernel.board.reapers() {
            let kept = events::decode_kept(&slot).ok();
            if let Some(reaps) = kept.as_ref().and_then(events::reaps) {
                self.state.parents.reaped(&reaps, now_ns);
            }
        }
    }

    /// Until this moment at most; whether all was taken in.
    fn take_in_ring(&mut self, until_ns: u64) -> bool {
        while let Some(event) = self.intake.next(&mut self.kernel, &self.state.lifecycle) {
            self.take_in(&event);
            if probes::now_ns() >= until_ns {
                return false;
            }
        }
        true
    }

    /// The same of what has waited long enough for details.
    fn take_in_due(&mut self, until_ns: u64) -> bool {
        let mut now_ns = probes::now_ns();
        while let Some(event) = self.intake.next_due(now_ns) {
            self.take_in(&event);
            now_ns = probes::now_ns();
            if now_ns >= until_ns {
                return false;
            }
        }
        true
    }

    /// The same of the deaths that were held back.
    fn take_in_held(&mut self, until_ns: u64) -> bool {
        while let Some(index) = self.held.next() {
            if let Some(slot) = self.kernel.board.report(index) {
                let kept = events::decode_kept(&slot);
                let death = kept.and_then(|kept| events::held_death(&kept, self.intake.page_size));
                if let Some(death) = self.intake.decoded(death) {
                    self.take_in(&death);
                }
            }
            if probes::now_ns() >= until_ns {
                return false;
            }
        }
        true
    }

    /// Whether the kernel side may hold ordinary deaths back. Followers and recordings want each.
    pub(super) fn set_holding(&self, holding: bool) {
        let holding = holding && !self.recorder.is_open();
        self.kernel.board.set_holding(holding);
    }

    /// Remembers the last process with this PID, if its death was counted and not reported. The
    /// death counts no more than once.
    pub(super) fn recall(&mut self, tgid: u32) {
        let slot = self.kernel.board.counted(tgid);
        let kept = slot.and_then(|slot| events::decode_kept(&slot).ok());
        let Some(kept) = kept.filter(|kept| kept.tgid == tgid) else {
            return;
        };
        if let (Ok(death), Some(reap)) = (
            events::held_death(&kept, self.intake.page_size),
            events::counted_reap(&kept),
        ) {
            self.state.recall(&death, &reap, &mut self.changes);
            self.publish();
        }
    }

    fn take_in(&mut self, event: &Event) {
        if let Event::Exec(_) = event {
            // Earlier events belong to the former program.
            self.publish();
        }
        self.recorder.event(event);
        self.deaths.note(event, &mut self.state, probes::now_ns());
        let before = self.changes.len();
        self.state.apply(event, &mut self.changes);
        // No hook saw this reap, so processes that are not watched may be gone too.
        let is_unseen = matches!(event, Event::HungUp(_)) && self.changes.len() > before;
        self.repairs.want_if(is_unseen && self.intake.is_crowded);
        if self.changes.len() >= PUBLISHED_AT_ONCE {
            self.publish();
        }
    }

    /// Publishes changes to metrics, parents, followers and the recording.
    fn publish(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let now_ns = probes::now_ns();
        self.recorder.drained(now_ns);
        let changes = mem::take(&mut self.changes);
        let unexplained = self.deaths.publish(changes, &mut self.state, now_ns);
        self.repairs.want_if(unexplained);
    }

    /// Takes in an answer on workloads, and publishes what has waited for it.
    pub(super) fn hear(&mut self, answer: Answer) {
        self.learn(answer, probes::now_ns());
        self.publish_waiting();
    }

    fn learn(&mut self, answer: Answer, now_ns: u64) {
        self.recorder.found(&answer);
        self.state.workloads.receive(answer, now_ns);
    }

    /// Publishes what has waited for workloads.
    pub(super) fn publish_waiting(&mut self) {
        let now_ns = probes::now_ns();
        while let Some(answer) = self.resolver.heard() {
            self.learn(answer, now_ns);
        }
        self.resolver.send(&mut self.state.workloads);
        self.deaths.publish_waiting(&mut self.state, now_ns);
        self.resolver.send(&mut self.state.workloads);
    }

    /// Begins to compare a snapshot with the table, which has all events from before it.
    pub(super) fn compare_with(&mut self, snapshot: Snapshot) {
        self.recorder.snapshot(&snapshot);
        self.repairs.compare_with(snapshot);
    }

    /// Goes on with that comparison, which is too long to be made at once.
    pub(super) fn compare(&mut self) {
        let lifecycle = &mut self.state.lifecycle;
        self.repairs.compare(lifecycle, &mut self.changes);
        self.publish();
    }

    /// Compares a waiting snapshot now, to the end.
    pub(super) fn settle_now(&mut self) {
        self.compare_rest();
        if let Some(snapshot) = self.repairs.settled(u64::MAX) {
            self.catch_up();
            self.compare_with(snapshot);
        }
        self.compare_rest();
    }

    fn compare_rest(&mut self) {
        while self.repairs.is_comparing() {
            self.compare();
        }
    }

    /// Follows a step of the wall clock, if there was one.
    pub(super) fn follow_clock(&mut self) {
        probes::follow(&mut self.state.wall);
        self.recorder.wall(self.state.wall);
    }

    /// Runs every second.
    pub(super) fn housekeeping(&mut self, now_ns: u64) {
        self.recorder.expire(now_ns);
        self.state.tick(now_ns);
        self.shrinking.note(self.state.lifecycle.len());
        self.intake.watch(&self.state.lifecycle, now_ns);
        self.resolver.housekeeping(&mut self.state, now_ns);
        let board = &mut self.kernel.board;
        self.deaths.expire(board, &mut self.state, now_ns);
        let lost = self.intake.tally.lost(&self.counters());
        self.repairs.note_lost(lost);
        let is_odd = self.state.lifecycle.wants_snapshot(now_ns);
        self.repairs.want_if(is_odd);
    }

    /// Whether all workloads that answers show are known; asks for those that are not.
    pub(super) fn are_placed(&mut self, now_ns: u64) -> bool {
        let placed = self.state.are_placed(now_ns);
        self.resolver.send(&mut self.state.workloads);
        placed
    }

    pub(super) fn counters(&self) -> Counters {
        static PROBLEM: Problem = Problem::new();
        let counters = self.kernel.counters();
        let counters = PROBLEM.check("cannot read the kernel's counters", counters);
        counters.unwrap_or_default()
    }

    /// The times of ordinary deaths.
    pub(super) fn times(&self) -> Times {
        static PROBLEM: Problem = Problem::new();
        let times = self.kernel.board.times();
        let times = PROBLEM.check("cannot read the kernel's times", times);
        times.unwrap_or_default()
    }

    /// Counts anew.
    pub(super) fn count(&mut self) {
        let confirmed = self.state.tally.confirmed;
        self.state.counted = self.intake.tally.counted(&self.counters(), confirmed);
        self.state.tally.ordinary = self.times().exits.iter().sum();
    }

    /// Every second while a recording is made: writes the counters.
    pub(super) fn record_counts(&mut self) {
        if self.recorder.is_open() {
            self.count();
            self.recorder.counted(self.state.counted);
        }
    }

    /// Publishes and writes the rest, and ends the recording.
    pub(super) fn end_recording(&mut self) {
        self.catch_up();
        self.settle_now();
        let now_ns = probes::now_ns();
        self.deaths.publish_rest(&mut self.state, now_ns);
        self.record_counts();
        self.recorder.end(now_ns);
    }
}

/// The longest exit and zombie time of an ordinary death, which is never late.
fn quick_ns(stale_after: Duration) -> u32 {
    let longest_ns = BOUNDS_NS[BOUNDS_NS.len() - 1];
    stale_after.as_nanos().min(longest_ns.into()) as u32
}
