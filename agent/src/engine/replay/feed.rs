//! Feeds the lines of a recording to a state.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::FinishedExit;
use model::answers;
use model::clock::Wall;
use model::events::{Event, Key, Snapshot, Task};
use model::lifecycle::Transition;
use model::recording::{Counted, Line, Why};
use model::state::State;
use model::stuck::evidence::watch::{Suspect, Watch};
use model::workload::Workloads;

use crate::engine::deaths::Deaths;
use crate::engine::recording_source::{self, Lines};
use crate::engine::settings::{MAX_GROUPS, STALE_AFTER};
use crate::engine::stuck::SUSPECTS;
use crate::engine::tally::Tally;
use crate::metrics::Metrics;

/// Feeds the lines of a recording to a state.
pub(super) struct Feed {
    path: PathBuf,
    pub(super) lines: Lines,
    /// The first line that is not due yet.
    next: Option<Line>,
    pub(super) state: State,
    /// The clocks' distance is known; else times are those since boot.
    has_wall: bool,
    /// It is recorded where processes belong; older releases did not.
    pub(super) has_places: bool,
    tasks: Vec<Task>,
    changes: Vec<Transition>,
    pub(super) deaths: Deaths,
    /// Counts events; the rest of it is in `counted`.
    pub(super) tally: Tally,
    /// Who was exiting in the snapshots.
    watch: Watch,
    pub(super) snapshot: Option<Snapshot>,
    /// What rounds have found of processes that do not die.
    pub(super) stuck: HashMap<Key, Why>,
    /// When the first snapshot was taken in; before, nothing is known of what was there already.
    pub(super) ready_ns: Option<u64>,
    /// The last recorded counters. They are recorded once a second; between, deaths are added.
    pub(super) counted: Option<Counted>,
    pub(super) now_ns: u64,
    pub(super) is_whole: bool,
    /// Who takes each death as it finishes; none, once nobody does.
    pub(super) listener: Option<Listener>,
}

/// Why there are no verdicts but those that were recorded.
pub(super) const NO_EVIDENCE: &str = "the recording has no evidence about it";

/// Returns whether it takes more.
pub(super) type Listener = Box<dyn FnMut(FinishedExit) -> bool + Send>;

impl Feed {
    /// At the start of a recording.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let (head, lines) = recording_source::open(path)?;
        let metrics = Metrics::new(STALE_AFTER, MAX_GROUPS);
        Ok(Self {
            path: path.to_owned(),
            lines,
            next: None,
            now_ns: head.began_ns,
            deaths: Deaths::new(metrics, 0, head.began_ns),
            tally: Tally::default(),
            state: State {
                why_unjudged: NO_EVIDENCE.to_owned(),
                ..State::new(head, Wall::from(0), Workloads::new(false))
            },
            has_wall: false,
            has_places: false,
            tasks: Vec::new(),
            changes: Vec::new(),
            watch: Watch::default(),
            snapshot: None,
            stuck: HashMap::new(),
            ready_ns: None,
            counted: None,
            is_whole: false,
            listener: None,
        })
    }

    /// Takes all lines up to this moment, or up to the end if that comes first.
    pub(super) fn run_until(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let listens = self.listener.is_some();
        loop {
            let next = match self.next.take() {
                Some(line) => Some(line),
                None => self.lines.next()?,
            };
            let Some(line) = next else {
                self.publish();
                self.state.counted = self.counted.unwrap_or_default();
                break;
            };
            // Of a second recording in the same file nothing before it is true.
            anyhow::ensure!(
                !matches!(line, Line::Head(_)),
                "{} holds more than one recording: replay each by itself",
                self.path.display()
            );
            if line.at_ns().is_some_and(|at_ns| at_ns > until_ns) {
                self.next = Some(line);
                self.pass(until_ns);
                break;
            }
            self.take(line);
            if listens && self.listener.is_none() {
                break;
            }
        }
        self.state.judgements.as_of(self.now_ns);
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Head(_) => {}
            Line::Wall(join) if self.has_wall => {
                self.state.wall.step(join.from_ns, join.offset_ns);
            }
            Line::Wall(join) => {
                self.state.wall = Wall::from(join.offset_ns);
                self.has_wall = true;
            }
            Line::Event(event) => self.take_in(&event),
            Line::Task(task) => self.tasks.push(*task),
            Line::Snapshot {
                begun_ns,
                ended_ns,
                exact_start,
            } => {
                let tasks = std::mem::take(&mut self.tasks).into();
                self.compare_with(Snapshot {
                    begun_ns,
                    ended_ns,
                    exact_start,
                    tasks,
                });
            }
            Line::Expire(now_ns) => {
                self.pass(now_ns);
                self.state.tick(now_ns);
                self.publish_waiting();
            }
            Line::Drained(now_ns) => {
                self.pass(now_ns);
                self.publish();
                if self.snapshot.is_some() {
                    self.ready_ns.get_or_insert(self.now_ns);
                }
            }
            Line::Counted(counted) => {
                // A death may be counted before its record is read; the sum must not go back.
                let ahead = self.state.counted.exits().saturating_sub(counted.exits());
                self.counted = Some(counted);
                self.state.counted = counted;
                self.state.counted.exited += ahead;
            }
            Line::Judged(judged) => {
                let judgements = &mut self.state.judgements;
                judgements.replay(judged.at_ns, judged.process, judged.verdict);
            }
            Line::Stuck(it) => {
                self.stuck.insert(it.process.key, it.found);
            }
            Line::End(now_ns) => {
                self.pass(now_ns);
                self.is_whole = true;
            }
            Line::Found(answer) => {
                self.has_places = true;
                self.state.workloads.receive(answer, self.now_ns);
                self.publish_waiting();
            }
        }
    }

    fn take_in(&mut self, event: &Event) {
        let now_ns = self.now_ns.max(event.at_ns());
        self.tally.event(event);
        self.deaths.note(event, &mut self.state, now_ns);
        self.state.counted.exited += u64::from(matches!(event, Event::Death(_)));
        self.state.apply(event, &mut self.changes);
    }

    fn compare_with(&mut self, snapshot: Snapshot) {
        self.state.reconcile(snapshot.clone(), &mut self.changes);
        self.state.observe(&snapshot);
        self.watch.note(&snapshot);
        self.stuck
            .retain(|key, _| snapshot.tasks.get(*key).is_some());
        self.pass(snapshot.ended_ns);
        self.snapshot = Some(snapshot);
    }

    fn pass(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    fn publish(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        self.report(&changes);
        self.deaths.publish(changes, &mut self.state, self.now_ns);
    }

    fn publish_waiting(&mut self) {
        self.deaths.publish_waiting(&mut self.state, self.now_ns);
    }

    /// Who has been exiting for so long, as of the last snapshot: all that have not died since.
    pub(super) fn suspects(&self, threshold: Duration) -> Vec<Suspect> {
        let Some(snapshot) = &self.snapshot else {
            return Vec::new();
        };
        let threshold_ns = threshold.as_nanos() as u64;
        let passed_ns = self.now_ns.saturating_sub(snapshot.begun_ns);
        let threshold_ns = threshold_ns.saturating_sub(passed_ns);
        let mut suspects = self.watch.suspects(snapshot, &[], threshold_ns, SUSPECTS);
        let dead = &self.state.lifecycle;
        suspects.retain(|it| dead.get(&it.process.key).is_none());
        suspects
    }

    /// Passes finished deaths to the listener, who may take its time.
    fn report(&mut self, changes: &[Transition]) {
        let Some(send) = &mut self.listener else {
            return;
        };
        for change in changes {
            let Transition::Finished(record) = change else {
                continue;
            };
            let workloads = &mut self.state.workloads;
            let places = [
                workloads.container_of_record(record, self.now_ns),
                workloads.container_of_parent(record, self.now_ns),
            ];
            if !send(answers::finished(self.state.wall, record, places)) {
                self.listener = None;
                return;
            }
        }
    }
}
