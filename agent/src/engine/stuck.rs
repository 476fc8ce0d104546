//! Stuck exits: the loop picks the suspects and takes their stacks, a helper thread reads their
//! files, and the rules judge what arrived in time.

use std::{
    collections::{BTreeMap, VecDeque},
    future,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::core::Agent;
use super::findings::{self, Findings};
use crate::host::cgroups::Mounts;
use crate::host::ends::Search;
use crate::host::stuck::collect;
use crate::metrics::{Labels, Present};
use crate::probes;
use api::{Document, Stuck};
use model::answers;
use model::culprit::place;
use model::events::Snapshot;
use model::signals;
use model::stuck::evidence::Facts;
use model::stuck::evidence::watch::{Suspect, Watch};
use model::workload::Workload;

/// Default time after which an exit counts as stuck.
pub(crate) const THRESHOLD: Duration = Duration::from_secs(5);
/// How long a request waits for evidence from files.
const PATIENCE: Duration = Duration::from_secs(3);
/// Maximum number of suspects in one answer.
const SUSPECTS: usize = 64;
/// How often all processes are examined for the metric.
const IN_BACKGROUND_NS: u64 = 10_000_000_000;

/// A request and its threshold.
type Question = (Duration, oneshot::Sender<Document<Stuck>>);

/// Evidence from the files of a process; `None` if they could not be read.
type Looked = Option<Facts>;

/// Exiting processes, and the round in progress.
#[derive(Debug, Default)]
pub(super) struct Exits {
    watch: Watch,
    /// The stuck processes when all processes were last examined.
    stuck: Vec<Suspect>,
    looked_ns: u64,
    round: Option<Round>,
    waiting: VecDeque<Question>,
    /// The last thread that examined suspects. It may outlive its round if a file hangs.
    looking: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Round {
    suspects: Vec<Suspect>,
    facts: Findings<Looked>,
    to: oneshot::Sender<Document<Stuck>>,
}

impl Exits {
    /// Takes a snapshot that was made for another purpose.
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        self.looked_ns = snapshot.begun_ns;
        self.watch.note(snapshot);
    }

    /// The number of stuck processes when all processes were last examined.
    pub(super) fn count(&self) -> u64 {
        self.stuck.len() as u64
    }

    /// Resolves when the round in progress has all that it can get; never if there is none.
    pub(super) async fn round_over(&mut self) {
        match &mut self.round {
            Some(round) => round.facts.are_in().await,
            None => future::pending().await,
        }
    }

    fn begin(&mut self, suspects: Vec<Suspect>, to: oneshot::Sender<Document<Stuck>>) {
        let (found, facts) = Findings::within(PATIENCE);
        self.looking.take_if(|thread| thread.is_finished());
        if self.looking.is_none() && !suspects.is_empty() {
            let suspects = suspects.clone();
            let thread = thread::Builder::new().name("reapwatch-stuck".to_owned());
            match thread.spawn(move || look(&suspects, &found)) {
                Ok(thread) => self.looking = Some(thread),
                Err(error) => log::warn!("cannot start the thread that collects evidence: {error}"),
            }
        }
        self.round = Some(Round {
            suspects,
            facts,
            to,
        });
    }
}

/// Reads the files of each suspect, and only then looks for other processes that they wait for,
/// which may take the rest of the time. Stops when the receiver is gone.
fn look(suspects: &[Suspect], found: &findings::Sender<Looked>) {
    let mounts = Mounts::find();
    let mut search = Search::new();
    let mut unsearched = Vec::new();
    for suspect in suspects {
        let facts = collect::look(suspect, &mounts);
        if let Some(facts) = facts.as_ref().filter(|facts| facts.is_unsearched) {
            unsearched.push((suspect, facts.clone()));
        }
        // The round may end at any time.
        if found.send((suspect.process.key, facts)).is_err() {
            return;
        }
    }
    // Finding a waiting sender is quick, and without it there is no verdict.
    unsearched.sort_by_key(|(suspect, _)| suspect.unheard.is_none());
    for (suspect, facts) in unsearched {
        if found.is_closed() {
            return;
        }
        if let Some(facts) = collect::search(suspect, facts, &mut search) {
            let _over = found.send((suspect.process.key, Some(facts)));
        }
    }
}

impl Agent {
    /// Answers after the round that this starts.
    pub(super) fn answer_stuck(&mut self, question: Question) {
        self.exits.waiting.push_back(question);
        self.begin_stuck_round();
    }

    fn begin_stuck_round(&mut self) {
        if self.exits.round.is_some() {
            return;
        }
        self.exits.waiting.retain(|(_, to)| !to.is_closed());
        let Some((threshold, to)) = self.exits.waiting.pop_front() else {
            return;
        };
        let suspects = self.stuck(threshold);
        self.exits.begin(suspects, to);
    }

    /// Processes that have been exiting for too long, from a fresh snapshot.
    pub(super) fn stuck(&mut self, threshold: Duration) -> Vec<Suspect> {
        let snapshot = self.look_at_all();
        snapshot.map_or(Vec::new(), |it| self.stuck_in(&it, threshold))
    }

    /// The same, from a snapshot just taken.
    fn stuck_in(&mut self, snapshot: &Snapshot, threshold: Duration) -> Vec<Suspect> {
        self.exits.note(snapshot);
        let threads = if self.exits.watch.is_idle() {
            Vec::new()
        } else {
            let taken = probes::stacks::take(&mut self.kernel);
            let taken = taken.inspect_err(|error| log::warn!("cannot read kernel stacks: {error}"));
            taken.ok().flatten().unwrap_or_default()
        };
        let threshold_ns = threshold.as_nanos() as u64;
        let watch = &self.exits.watch;
        let found = watch.suspects(snapshot, &threads, threshold_ns, SUSPECTS);
        if threshold == THRESHOLD {
            let exiting = found.iter().filter(|suspect| suspect.unheard.is_none());
            self.exits.stuck = exiting.cloned().collect();
        }
        found
    }

    /// Counts stuck processes for the metric, unless the last count is recent.
    pub(super) fn count_stuck(&mut self) {
        if probes::now_ns().saturating_sub(self.exits.looked_ns) >= IN_BACKGROUND_NS {
            self.stuck(THRESHOLD);
        }
    }

    /// Uses a snapshot taken for another purpose if the next count is due soon, since the snapshot
    /// is most of the cost.
    pub(super) fn count_stuck_in(&mut self, snapshot: &Snapshot) {
        if snapshot.begun_ns.saturating_sub(self.exits.looked_ns) >= IN_BACKGROUND_NS / 2 {
            self.stuck_in(snapshot, THRESHOLD);
        }
    }

    /// Stuck processes per workload when all processes were last examined.
    pub(super) fn stuck_by_workload(&mut self, now_ns: u64) -> BTreeMap<Labels, Present> {
        let mut present = BTreeMap::<_, Present>::new();
        for suspect in &self.exits.stuck {
            let workload = self.state.workloads.of_suspect(suspect, now_ns);
            present
                .entry(Labels::of(workload.as_deref()))
                .or_default()
                .stuck += 1;
        }
        present
    }

    /// Judges, answers, and starts the round for the next request.
    pub(super) fn end_stuck_round(&mut self) {
        self.follow_clock();
        if let Some(mut round) = self.exits.round.take() {
            let now_ns = probes::now_ns();
            let item = |suspect: &Suspect| {
                let looked = round.facts.take(suspect.process.key);
                let is_looked_at = looked.is_some();
                let facts = looked.flatten();
                let since = suspect.since(facts.as_ref());
                let workload = self.state.workloads.of_suspect(suspect, now_ns);
                let place = place::of(workload.as_deref(), &[]);
                let container = workload.as_deref().and_then(Workload::container_for_answer);
                let stuck = suspect.complete(facts, place, now_ns, signals::name);
                let of = answers::stuck::Looked {
                    suspect,
                    since,
                    stuck: &stuck,
                    in_time: is_looked_at,
                };
                let item = answers::stuck::item(self.state.wall, &of, container);
                // Who ignores a signal is fine as long as nobody waits for its end, and who has
                // taken it all the more.
                let heard = stuck.ignored.is_none() || item.verdict.is_none();
                (suspect.unheard.is_none() || !heard).then_some(item)
            };
            let items: Vec<_> = round.suspects.iter().filter_map(item).collect();
            let total = items.len() as u64;
            // Nobody waits any more when sending fails.
            self.count();
            let _gone = round.to.send(self.state.document(items, total, now_ns));
        }
        self.begin_stuck_round();
    }
}
