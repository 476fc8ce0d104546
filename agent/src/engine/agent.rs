//! The loop. It takes events, ticks, requests and the results of helper threads, and passes what
//! they bring between the parts that it owns: inputs go into the state, and answers come from it.

mod requests;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{self, Instant},
};

use super::{
    conditions::Conditions,
    feed::Feed,
    intake::SETTLE_NS,
    job::Job,
    judge::{self, Judge},
    pace::Pace,
    pids::{self, PidTables},
    purpose::Purpose,
    questions::{Question, Questions},
    reading::Reading,
    recording_file::Sink,
    settings::Settings,
    snapshots::{Snapshots, Taken},
    streams::Lines,
    stuck::{Noted, StuckExits, THRESHOLD},
    turns::Turns,
    wake::{ready, ticks},
};
use crate::doctor;
use crate::handle::Request;
use crate::memory;
use crate::metrics::{Labels, Page};
use crate::probes::{self, Counters, Readable, Role, Source};
use crate::systemd::Watchdog;
use model::events::{Key, Snapshot};

/// How often the agent does its housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How often files are read in the background, while processes exit.
const READ_EVERY_NS: u64 = 10_000_000_000;
/// Snapshots that nobody waits for take at most this share of the time: large ones are rarer.
const PAUSES: u64 = 400;
/// How long the start waits for the PID tables that the first answer shows.
const FIRST_WALK: Duration = Duration::from_millis(200);

/// A running agent.
pub(super) struct Agent {
    conditions: Conditions,
    stale_after: Duration,
    counts_dead_pidfds: bool,
    reconcile_every: Duration,
    watchdog: Option<Watchdog>,
    feed: Feed,
    snapshots: Snapshots<Purpose>,
    reading: Job<Reading>,
    /// When the last reading began, and the counters at that time: without news from the probes it
    /// need not be repeated.
    read_at: (u64, Counters),
    scrapes: Vec<oneshot::Sender<Page>>,
    /// Open pidfds of reaped processes by holder, as of the last scrape; `None` if not counted.
    dead_pidfds: Option<Vec<(Key, u64)>>,
    pids: PidTables,
    judge: Judge,
    stuck: StuckExits,
    questions: Questions,
    /// In order.
    work: VecDeque<Work>,
}

/// What needs to know every zombie, and waits until all is taken in that the kernel side has.
enum Work {
    Request(Request),
    Answer(Question),
    /// A snapshot, and what it was taken for.
    Serve(Vec<Purpose>, Option<Taken>),
    /// To compare a snapshot with the table.
    Compare(Snapshot),
}

impl Agent {
    /// Attaches the probes, and drops the capabilities needed only for that. Records if there is a
    /// `sink`.
    ///
    /// # Errors
    /// If nothing can be measured here.
    pub(super) fn attach(settings: &Settings, sink: Option<Sink>) -> anyhow::Result<Self> {
        settings.check()?;
        let mut kernel = probes::attach(settings.kernel)?;
        let mut facts = doctor::facts();
        probes::give_up(settings.role, || kernel.can_be_read())
            .context("cannot drop privileges")?;
        facts.push(doctor::kept());
        let (source, report) = Source::choose(&kernel);
        let mut probes = kernel.probes.clone();
        probes.extend([report, probes::stacks::report(&kernel)]);
        let conditions = Conditions {
            probes,
            source: kernel.source,
            facts,
            names: settings.names.clone(),
        };
        let is_daemon = settings.role == Role::Daemon;
        Ok(Self {
            stale_after: settings.stale_after,
            counts_dead_pidfds: settings.dead_pidfds,
            reconcile_every: settings.reconcile_every,
            watchdog: Watchdog::find(std::time::Instant::now()).filter(|_| is_daemon),
            feed: Feed::new(kernel, &conditions, settings, sink)?,
            conditions,
            snapshots: Snapshots::new(source),
            reading: Job::default(),
            read_at: (0, Counters::default()),
            scrapes: Vec::new(),
            dead_pidfds: None,
            pids: PidTables::default(),
            judge: Judge::new(),
            stuck: StuckExits::new(),
            questions: Questions::default(),
            work: VecDeque::new(),
        })
    }

    /// Takes the first snapshot, and all that has happened since the probes were attached.
    pub(super) fn begin(&mut self) {
        self.feed.repairs.begin(probes::now_ns());
        let threshold = self.stuck.least_threshold();
        let first = self.snapshots.first(&mut self.feed.kernel, threshold);
        self.serve(vec![Purpose::Repair], first);
        self.feed.settle_now();
        self.note_reading(&Reading::of(&self.feed.kernel, false)());
    }

    /// A new follower of all deaths; of those since the probes were attached, if this is before
    /// `begin`.
    pub(super) fn follow(&self) -> Lines {
        self.feed.deaths.streams.follow()
    }

    /// Runs until every handle is dropped.
    ///
    /// # Errors
    /// If the runtime cannot watch the ring.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> anyhow::Result<()> {
        let mut ring = Readable::new(&self.feed.kernel.events)?;
        let mut hang_ups = self.feed.intake.hang_ups()?;
        let log = self.feed.kernel.log.as_ref();
        let mut log = log.map(Readable::new).transpose()?;
        let mut housekeeping = ticks(Instant::now(), HOUSEKEEPING);
        let mut reconcile = ticks(Instant::now() + self.reconcile_every, self.reconcile_every);
        self.settle_in().await;
        let mut pace = Pace::default();
        let mut turns = Turns::default();
        loop {
            turns.next();
            let is_followed = self.feed.deaths.streams.followed();
            self.feed.set_holding(!is_followed);
            if self.is_waiting() {
                pace.want(is_followed);
            }
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.hear_request(request),
                    None => break,
                },
                () = pace.due() => self.drain_at(&mut pace),
                () = ring.ready() => if pace.woken(is_followed) {
                    self.drain_at(&mut pace);
                },
                () = ready(hang_ups.as_mut()) => {
                    self.feed.intake.note_hang_ups(probes::now_ns());
                }
                Some(watched) = self.feed.intake.watched() => {
                    self.feed.intake.note_watched(watched, probes::now_ns());
                }
                answer = self.feed.resolver.hear() => {
                    self.feed.hear(answer);
                    self.answer_held();
                }
                (purposes, taken) = self.snapshots.taken() => {
                    // Who died while it was taken.
                    self.once_caught_up([Work::Serve(purposes, taken)]);
                }
                Some(walk) = self.pids.walked() => self.take_walk(walk),
                reading = self.reading.done() => self.take_reading(reading),
                () = yield_now(), if self.feed.repairs.is_comparing() => self.feed.compare(),
                () = yield_now(), if self.feed.is_behind() => self.feed.catch_up_further(),
                () = yield_now(), if self.has_work() => self.work(),
                () = self.judge.round_over() => self.end_round(),
                () = self.stuck.round_over() => self.end_stuck_round(),
                () = ready(log.as_mut()) => self.feed.kernel.flush_log(),
                _ = housekeeping.tick() => self.housekeeping(),
                _ = reconcile.tick() => {
                    let least_ns = PAUSES * self.snapshots.took_ns();
                    self.feed.repairs.want_regular(least_ns, probes::now_ns());
                    memory::unmap_code();
                }
            }
        }
        if self.feed.recorder.is_open() {
            self.end_recording().await;
        }
        Ok(())
    }

    /// Looks at all cgroups for the first time, and gives back what only the start needed.
    async fn settle_in(&mut self) {
        self.pids.begin(0, probes::now_ns());
        if let Ok(Some(walk)) = time::timeout(FIRST_WALK, self.pids.walked()).await {
            self.take_walk(walk);
        }
        memory::give_back();
        memory::unmap_code();
    }

    /// Whether anything waits that no event announces.
    fn is_waiting(&mut self) -> bool {
        let feed = &mut self.feed;
        feed.intake.is_waiting()
            || feed.deaths.is_waiting()
            || feed.repairs.is_waiting()
            || self.questions.is_waiting()
    }

    /// Takes in everything that the kernel side has sent, and answers what has waited for it.
    fn drain_at(&mut self, pace: &mut Pace) {
        pace.drained();
        self.drain();
    }

    fn drain(&mut self) {
        self.feed.drain();
        self.answer_held();
        let now_ns = probes::now_ns();
        let settled = self.feed.repairs.settled(now_ns);
        self.once_caught_up(settled.map(Work::Compare));
        if self.feed.repairs.is_due(now_ns) {
            self.feed.repairs.begin(now_ns);
            self.snapshots.want(Purpose::Repair);
        }
        self.begin_snapshot();
    }

    fn once_caught_up(&mut self, work: impl IntoIterator<Item = Work>) {
        let before = self.work.len();
        self.work.extend(work);
        if self.work.len() > before {
            self.feed.begin_to_catch_up();
        }
    }

    fn has_work(&self) -> bool {
        !self.work.is_empty() && !self.feed.is_behind()
    }

    fn work(&mut self) {
        match self.work.pop_front() {
            Some(Work::Request(request)) => self.take_request(request),
            Some(Work::Answer(question)) => self.answer(question),
            Some(Work::Serve(purposes, taken)) => self.serve(purposes, taken),
            Some(Work::Compare(snapshot)) => self.feed.compare_with(snapshot),
            None => {}
        }
    }

    fn want(&mut self, purpose: Purpose) {
        self.snapshots.want(purpose);
        self.begin_snapshot();
    }

    /// Begins the next snapshot, if one is wanted. There are never two large ones in memory.
    fn begin_snapshot(&mut self) {
        let waits = |work: &Work| matches!(work, Work::Serve(..) | Work::Compare(_));
        if !self.feed.repairs.holds_much() && !self.work.iter().any(waits) {
            let threshold = self.stuck.least_threshold();
            self.snapshots.begin(&mut self.feed.kernel, threshold);
        }
    }

    /// Takes in a snapshot, and serves its purposes; it is `None` if it failed.
    fn serve(&mut self, purposes: Vec<Purpose>, taken: Option<Taken>) {
        for purpose in &purposes {
            if let Purpose::Explain(pid, ..) = purpose {
                self.feed.recall(*pid);
            }
        }
        let state = &mut self.feed.state;
        let mut stuck = Noted::default();
        if let Some(taken) = &taken {
            state.observe(&taken.snapshot);
            stuck = self.stuck.note(taken);
        }
        let now_ns = probes::now_ns();
        let snapshot = taken.as_ref().map(|taken| &taken.snapshot);
        let is_recording = self.feed.recorder.is_open();
        let mut repairs = false;
        for purpose in purposes {
            match purpose {
                Purpose::Repair => repairs = true,
                Purpose::Count => {}
                Purpose::Judge => self.judge.begin(state, snapshot, now_ns),
                Purpose::Stuck => self.stuck.look(taken.as_ref()),
                Purpose::Explain(pid, seen, to) => {
                    let _nobody_waits = to.send(state.explain(pid, &seen, snapshot, now_ns));
                }
            }
        }
        // A snapshot is most of the cost, so it is used for what would need the next one soon.
        let least_ns = PAUSES * self.snapshots.took_ns();
        let every_ns = judge::in_background_ns(is_recording, least_ns);
        if snapshot.is_some() && self.judge.is_due(every_ns / 2, state, now_ns) {
            self.judge.begin(state, snapshot, now_ns);
        }
        // A replay finds those that do not die in the snapshots that were compared.
        let is_of_use = is_recording && stuck.others;
        let repair = &mut self.feed.repairs;
        let is_spare = snapshot.is_some_and(|it| repair.takes_spare(it, least_ns, is_of_use));
        if repairs || is_spare {
            self.feed.repairs.hold(taken.map(|taken| taken.snapshot));
        }
        if is_recording && stuck.any {
            self.stuck.ask((THRESHOLD, None));
            self.begin_stuck_round();
        }
        self.begin_snapshot();
    }

    fn take_walk(&mut self, walk: pids::Walked) {
        let now_ns = probes::now_ns();
        let Feed { state, deaths, .. } = &mut self.feed;
        let zombies = state.lifecycle.siblings();
        let zombies: Vec<_> = zombies
            .map(|group| (group.cgroups, group.count()))
            .collect();
        let total = state.lifecycle.zombies_len();
        for (id, refused) in self.pids.take_in(walk, (&zombies, total), now_ns) {
            let labels = Labels::of(state.workloads.cgroup(id).map(|it| &**it));
            deaths.metrics.refused_forks(&labels, refused, now_ns);
        }
        self.answer_held();
    }

    fn note_reading(&mut self, reading: &Reading) {
        self.feed.intake.tally.skipped_runs = reading.skipped_runs;
        self.pids.set_node(reading.node);
    }

    fn read(&mut self) {
        if !self.reading.is_running() {
            self.read_at = (probes::now_ns(), self.feed.counters());
            let dead_pidfds = self.counts_dead_pidfds && !self.scrapes.is_empty();
            let reading = Reading::of(&self.feed.kernel, dead_pidfds);
            self.reading.start(reading);
        }
    }

    /// Takes in a reading, `None` after a panic, and answers the scrapes that waited for it.
    fn take_reading(&mut self, reading: Option<Reading>) {
        if let Some(reading) = reading {
            self.note_reading(&reading);
            self.dead_pidfds = reading.dead_pidfds.or(self.dead_pidfds.take());
        }
        for to in std::mem::take(&mut self.scrapes) {
            let _nobody_waits = to.send(self.scrape());
        }
    }

    fn housekeeping(&mut self) {
        let now_ns = probes::now_ns();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.beat(std::time::Instant::now());
        }
        self.drain();
        self.feed.begin_to_catch_up();
        self.feed.housekeeping(now_ns);
        self.feed.record_counts();
        self.pids.begin(pids::IN_BACKGROUND_NS, now_ns);
        let (read_ns, counters) = self.read_at;
        if now_ns.saturating_sub(read_ns) >= READ_EVERY_NS && self.feed.counters() != counters {
            self.read();
        }
        let least_ns = PAUSES * self.snapshots.took_ns();
        let is_recording = self.feed.recorder.is_open();
        self.judge_if_older_than(judge::in_background_ns(is_recording, least_ns));
        if self.stuck.is_count_due(least_ns, now_ns) {
            self.want(Purpose::Count);
        }
    }

    async fn end_recording(&mut self) {
        self.feed.catch_up();
        self.work.clear();
        if self.feed.repairs.holds_much() {
            time::sleep(Duration::from_nanos(SETTLE_NS)).await;
            self.feed.settle_now();
        }
        // So that a replay knows which processes were alive at the end.
        self.want(Purpose::Repair);
        while !self.snapshots.is_idle() {
            let (purposes, taken) = self.snapshots.taken().await;
            self.feed.catch_up();
            self.serve(purposes, taken);
        }
        time::sleep(Duration::from_nanos(SETTLE_NS) * 2).await;
        self.feed.end_recording();
    }
}
