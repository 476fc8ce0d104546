//! The loop. It takes events, ticks and requests, and owns all state.

use std::{io, mem, time::Duration};

use anyhow::Context as _;
use tokio::{
    sync::mpsc,
    time::{self, Instant, MissedTickBehavior},
};

use super::{
    STUCK_AFTER, Settings, host,
    judge::{IN_BACKGROUND_NS, Judge, SUSPECTS, WHILE_RECORDING_NS},
    pids::{self, PidTables},
    questions::Questions,
    recorder::Recorder,
    streams::Streams,
    stuck::Exits,
    tally::Tally,
    workloads::Resolver,
};
use crate::doctor;
use crate::engine::recording_file::Sink;
use crate::handle::Request;
use crate::metrics::Metrics;
use crate::probes::{self, Attached, HookKind, Pidfds, ProbeReport, Readable, Role, Source};
use crate::systemd::Watchdog;
use api::Fact;
use model::counts::Lost;
use model::events::{self, Event, Freed, HungUp, Key, Snapshot};
use model::lifecycle::{Correction, Record, Transition};
use model::recording::Head;
use model::state::State;

/// How often the ring is read. It also wakes the loop when it is half full.
const TICK: Duration = Duration::from_millis(50);
/// The same while a client follows deaths.
const TICK_FOLLOWED: Duration = Duration::from_millis(10);
/// How often the agent does its housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long a snapshot waits for events that were in flight when it was taken, and an upper bound
/// of a reap for the exact time.
pub(super) const SETTLE_NS: u64 = 200_000_000;
/// Maximum number of freed processes that wait for details of their reap.
const FREED_AT_ONCE: usize = 65_536;
/// Age at which a zombie is watched through a pidfd.
const WATCH_AFTER_NS: u64 = 1_000_000_000;
/// Maximum number of changes held before they are published; a full ring can hold millions.
const PUBLISHED_AT_ONCE: usize = 4096;
/// Minimum time between two extra repairs.
const REPAIR_EVERY_NS: u64 = 1_000_000_000;

/// All state of a running agent.
pub(super) struct Agent {
    pub(super) settings: Settings,
    pub(super) kernel: Attached,
    pub(super) probes: Vec<ProbeReport>,
    /// Capabilities before they were dropped.
    pub(super) facts_at_attach: Vec<Fact>,
    snapshots: Source,
    watchdog: Option<Watchdog>,
    /// Used only if a reap can go unseen.
    pidfds: Option<Pidfds>,
    pub(super) state: State,
    pub(super) judge: Judge,
    pub(super) questions: Questions,
    pub(super) pids: PidTables,
    pub(super) exits: Exits,
    pub(super) metrics: Metrics,
    pub(super) streams: Streams,
    pub(super) resolver: Resolver,
    pub(super) tally: Tally,
    pub(super) recorder: Recorder,
    page_size: u64,
    pub(super) ready: bool,
    /// A snapshot waiting for its events.
    unsettled: Option<Snapshot>,
    /// Upper bounds of reaps, waiting for events with the exact time: a waiter that has reaped may
    /// wait for a CPU before its call returns.
    hung_up: Vec<HungUp>,
    freed: Vec<Freed>,
    /// Set when something happened that only a snapshot can explain.
    repair: bool,
    last_snapshot_ns: u64,
    lost_before: u64,
}

impl Agent {
    /// Attaches the probes, drops the capabilities needed only for that, and takes the first
    /// snapshot. Records if there is a `sink`.
    ///
    /// # Errors
    /// If nothing can be measured here.
    pub(super) fn attach(settings: Settings, sink: Option<Sink>) -> anyhow::Result<Self> {
        let mut kernel = probes::attach(settings.kernel)?;
        let mut facts_at_attach = doctor::facts();
        probes::give_up(settings.role, || kernel.can_be_read())
            .context("cannot drop privileges")?;
        facts_at_attach.push(doctor::kept());
        let (snapshots, report) = Source::choose(&kernel);
        let mut probes = kernel.probes.clone();
        probes.push(report);
        probes.push(probes::stacks::report(&kernel));
        let began_ns = probes::now_ns();
        let pidfds = (kernel.source == HookKind::Tracepoint)
            .then(Pidfds::new)
            .transpose()?;
        let (resolver, workloads) = Resolver::start(&settings, began_ns)?;
        let about = Head {
            host: host::name(),
            kernel: host::kernel(),
            source: kernel.source.into(),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            began_ns,
        };
        let recorder = Recorder::begin(sink, &about);
        let wait = probes.iter().find(|probe| probe.probe == "wait");
        let state = State {
            counts_waits: wait.is_some_and(|probe| probe.hook.is_some()),
            why_unjudged: format!("only the {SUSPECTS} processes with the most zombies are judged"),
            ..State::new(about, probes::wall(), workloads)
        };
        let mut agent = Self {
            kernel,
            probes,
            facts_at_attach,
            snapshots,
            watchdog: (settings.role == Role::Daemon)
                .then(|| Watchdog::find(std::time::Instant::now()))
                .flatten(),
            pidfds,
            state,
            judge: Judge::default(),
            questions: Questions::default(),
            pids: PidTables::default(),
            exits: Exits::default(),
            metrics: Metrics::new(settings.stale_after, settings.max_groups),
            settings,
            streams: Streams::default(),
            resolver,
            tally: Tally::default(),
            recorder,
            page_size: host::page_size(),
            ready: false,
            unsettled: None,
            hung_up: Vec::new(),
            freed: Vec::new(),
            repair: false,
            last_snapshot_ns: began_ns,
            lost_before: 0,
        };
        agent.recorder.wall(agent.state.wall);
        agent.take_snapshot();
        agent.settle(u64::MAX);
        agent.begin_pids();
        // So that the first frame of `top` has them.
        agent.stuck(STUCK_AFTER);
        agent.ready = true;
        Ok(agent)
    }

    /// Runs until every handle is dropped.
    ///
    /// # Errors
    /// If the runtime cannot watch the ring.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> anyhow::Result<()> {
        let mut ring = Readable::new(&self.kernel.events)?;
        let mut hang_ups = self.pidfds.as_ref().map(Readable::new).transpose()?;
        let mut log = self.kernel.log.as_ref().map(Readable::new).transpose()?;
        let mut housekeeping = time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reconcile = time::interval_at(
            Instant::now() + self.settings.reconcile_every,
            self.settings.reconcile_every,
        );
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let tick = if self.streams.followed() {
                TICK_FOLLOWED
            } else {
                TICK
            };
            tokio::select! {
                request = requests.recv() => {
                    let Some(request) = request else {
                        self.end_recording();
                        return Ok(());
                    };
                    self.answer(request);
                }
                () = time::sleep(tick) => self.drain(),
                () = ring.ready() => self.drain(),
                () = ready(hang_ups.as_mut()) => self.note_hang_ups(),
                answer = self.resolver.hear() => {
                    self.state.workloads.tell(answer, probes::now_ns());
                    self.tell_waiting(probes::now_ns());
                }
                () = self.judge.round_over() => self.end_round(),
                () = self.exits.round_over() => self.end_stuck_round(),
                () = ready(log.as_mut()) => self.kernel.flush_log(),
                _ = housekeeping.tick() => self.housekeeping(),
                _ = reconcile.tick() => self.repair = true,
            }
        }
    }

    /// Processes everything that the kernel side has sent.
    pub(super) fn drain(&mut self) {
        self.follow_clock();
        let mut changes = Vec::new();
        while let Some(event) = self.next_event() {
            match event {
                Ok(Event::Freed(freed))
                    if self.freed.len() < FREED_AT_ONCE
                        && !self.state.lifecycle.awaits_free(freed.dead) =>
                {
                    self.freed.push(freed);
                }
                Ok(event) => self.take_in(&event, &mut changes),
                Err(error) => {
                    self.tally.malformed += 1;
                    log::debug!("dropping a malformed record: {error}");
                }
            }
            if changes.len() >= PUBLISHED_AT_ONCE {
                self.publish(mem::take(&mut changes));
            }
        }
        let now_ns = probes::now_ns();
        let due = |at_ns: u64| at_ns + SETTLE_NS <= now_ns;
        let freed = self.freed.extract_if(.., |freed| due(freed.at_ns));
        for freed in freed.collect::<Vec<_>>() {
            self.take_in(&Event::Freed(freed), &mut changes);
        }
        let seen = changes.len();
        let hung_up = self.hung_up.extract_if(.., |hung_up| due(hung_up.at_ns));
        for hung_up in hung_up.collect::<Vec<_>>() {
            self.take_in(&Event::HungUp(hung_up), &mut changes);
        }
        // No hook saw these reaps, so processes that are not watched may be gone too.
        if changes.len() > seen && self.pidfds.as_ref().is_some_and(Pidfds::is_crowded) {
            self.repair = true;
        }
        self.publish(changes);
        self.tell_waiting(now_ns);
        self.streams.tell_lost();
        self.settle(now_ns);
        let since_ns = now_ns.saturating_sub(self.last_snapshot_ns);
        if self.repair && self.unsettled.is_none() && since_ns >= REPAIR_EVERY_NS {
            self.take_snapshot();
        }
    }

    fn take_in(&mut self, event: &Event, changes: &mut Vec<Transition>) {
        self.tally.event(event);
        if let Event::Exec(_) = event {
            // What happened before is still the former program's.
            self.publish(mem::take(changes));
        }
        self.recorder.event(event);
        self.place(event);
        self.state.apply(event, changes);
    }

    fn next_event(&mut self) -> Option<Result<Event, events::Malformed>> {
        let record = self.kernel.events.next()?;
        Some(events::decode(&record, self.page_size))
    }

    /// Publishes changes to metrics, parents, followers and the recording.
    fn publish(&mut self, changes: Vec<Transition>) {
        let now_ns = probes::now_ns();
        let mut reopened = false;
        if !changes.is_empty() {
            self.recorder.drained(now_ns);
        }
        for change in changes {
            self.state.note(&change, now_ns);
            match change {
                Transition::Confirmed(record) => self.count_confirmed(&record, now_ns),
                Transition::Finished(record) => self.finished(record, now_ns),
                Transition::Corrected(correction) => {
                    reopened = correction == Correction::AutoreapWrong;
                    self.metrics.corrected(correction);
                }
                // Events lost after that repair start the next one.
                Transition::Died(dead) if mem::take(&mut reopened) => self.metrics.take_back(dead),
                Transition::Unexplained => self.repair = true,
                Transition::Died(_) | Transition::Adopted { .. } => {}
            }
        }
    }

    pub(super) fn take_snapshot(&mut self) {
        self.repair = false;
        self.last_snapshot_ns = probes::now_ns();
        if let Some(snapshot) = self.look_at_all() {
            self.exits.note(&snapshot);
            self.unsettled = Some(snapshot);
        }
    }

    /// All processes now. On failure, logs the reason.
    pub(super) fn look_at_all(&mut self) -> Option<Snapshot> {
        let snapshot = self.snapshots.take(&mut self.kernel);
        let snapshot = snapshot
            .inspect_err(|error| log::warn!("cannot take a snapshot of processes: {error}"))
            .ok()?;
        self.state.observe(&snapshot);
        Some(snapshot)
    }

    /// Compares a snapshot with the table, once all events from before it have arrived.
    fn settle(&mut self, now_ns: u64) {
        let due = |snapshot: &mut Snapshot| snapshot.ended_ns.saturating_add(SETTLE_NS) <= now_ns;
        if let Some(snapshot) = self.unsettled.take_if(due) {
            let mut changes = Vec::new();
            self.recorder.snapshot(&snapshot);
            self.state.reconcile(&snapshot, &mut changes);
            self.publish(changes);
        }
    }

    /// Follows a step of the wall clock, if there was one.
    pub(super) fn follow_clock(&mut self) {
        probes::follow(&mut self.state.wall);
        self.recorder.wall(self.state.wall);
    }

    fn note_hang_ups(&mut self) {
        let at_ns = probes::now_ns();
        let gone = self
            .pidfds
            .as_mut()
            .map(Pidfds::hung_up)
            .unwrap_or_default();
        self.note_gone(gone, at_ns);
    }

    fn note_gone(&mut self, gone: Vec<Key>, at_ns: u64) {
        self.hung_up
            .extend(gone.into_iter().map(|dead| HungUp { at_ns, dead }));
    }

    fn housekeeping(&mut self) {
        let now_ns = probes::now_ns();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.beat(std::time::Instant::now());
        }
        self.recorder.expire(now_ns);
        self.state.tick(now_ns);
        if let Some(pidfds) = &mut self.pidfds {
            let aged = |record: &&Record| record.died.at_ns + WATCH_AFTER_NS <= now_ns;
            let aged = self.state.lifecycle.zombies().filter(aged);
            // Reaps without an event, such as by io_uring with the free event lost.
            let gone = pidfds.watch(aged.map(|record| record.process.key));
            self.note_gone(gone, now_ns);
        }
        self.repair |= self.state.lifecycle.wants_snapshot(now_ns);
        self.judge_if_older_than(if self.recorder.is_open() {
            WHILE_RECORDING_NS
        } else {
            IN_BACKGROUND_NS
        });
        self.look_at_pids(pids::IN_BACKGROUND_NS);
        self.keep_workloads(now_ns);
        self.count_stuck();
        let lost = self.lost();
        let total = lost.total();
        if total > self.lost_before {
            log::warn!(
                "{} events lost; comparing with the process table (lost since start: {lost})",
                total - self.lost_before
            );
            self.lost_before = total;
            self.repair = true;
        }
        self.record_counts();
    }

    pub(super) fn lost(&self) -> Lost {
        self.tally
            .lost(&self.counters(), self.kernel.skipped_runs())
    }

    pub(super) fn counters(&self) -> probes::Counters {
        self.kernel.counters().unwrap_or_else(|error: io::Error| {
            log::warn!("cannot read the kernel's counters: {error}");
            probes::Counters::default()
        })
    }
}

/// Never resolves if there is nothing to wait for.
async fn ready(source: Option<&mut Readable>) {
    match source {
        Some(source) => source.ready().await,
        None => std::future::pending().await,
    }
}
