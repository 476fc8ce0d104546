//! Who does not die: the loop names the suspects and takes their stacks, a helper thread reads
//! their files, and the rules judge what came in time.

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

/// How long an exit may take before it counts as stuck, where nobody says otherwise.
pub(crate) const THRESHOLD: Duration = Duration::from_secs(5);
/// How long a question waits for what the files say.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most suspects of one answer.
const SUSPECTS: usize = 64;
/// How often all processes are looked at for the metric.
const IN_BACKGROUND_NS: u64 = 10_000_000_000;

/// A question, and from when on an exit is stuck in its eyes.
type Question = (Duration, oneshot::Sender<Document<Stuck>>);

/// What the files of a process say; `None` where they could not be read.
type Looked = Option<Facts>;

/// Who is exiting, and the look under way.
#[derive(Debug, Default)]
pub(super) struct Exits {
    watch: Watch,
    /// Who was stuck when all processes were last looked at.
    stuck: Vec<Suspect>,
    looked_ns: u64,
    round: Option<Round>,
    waiting: VecDeque<Question>,
    /// The last thread that looked at suspects; it may outlive its round where a file hangs.
    looking: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Round {
    suspects: Vec<Suspect>,
    facts: Findings<Looked>,
    to: oneshot::Sender<Document<Stuck>>,
}

impl Exits {
    /// Takes a snapshot in that was made for any end.
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        self.looked_ns = snapshot.begun_ns;
        self.watch.note(snapshot);
    }

    /// How many were stuck when all processes were last looked at.
    pub(super) fn count(&self) -> u64 {
        self.stuck.len() as u64
    }

    /// Resolves when the round under way has all that it can get; never while there is none.
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
                Err(error) => log::warn!("cannot start a thread to look at suspects: {error}"),
            }
        }
        self.round = Some(Round {
            suspects,
            facts,
            to,
        });
    }
}

/// Reads the files of each, and only then looks for others whom they wait for, which may take the
/// rest of the time; until nobody listens any more.
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
    // Whether a sender waits is soon found out, and without it there is no verdict.
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
    /// Answers when the round that this begins is over.
    pub(super) fn answer_stuck(&mut self, question: Question) {
        self.exits.waiting.push_back(question);
        self.begin_stuck_round();
    }

    fn begin_stuck_round(&mut self) {
        if self.exits.round.is_some() {
            return;
        }
        let Some((threshold, to)) = self.exits.waiting.pop_front() else {
            return;
        };
        let suspects = self.stuck(threshold);
        self.exits.begin(suspects, to);
    }

    /// Who has been exiting for too long, by a fresh look at all processes.
    pub(super) fn stuck(&mut self, threshold: Duration) -> Vec<Suspect> {
        let snapshot = self.look_at_all();
        snapshot.map_or(Vec::new(), |it| self.stuck_in(&it, threshold))
    }

    /// The same, by a look that was taken just now.
    fn stuck_in(&mut self, snapshot: &Snapshot, threshold: Duration) -> Vec<Suspect> {
        self.exits.note(snapshot);
        let threads = if self.exits.watch.is_idle() {
            Vec::new()
        } else {
            let taken = probes::stacks::take(&mut self.kernel);
            let taken = taken.inspect_err(|error| log::warn!("no kernel stacks: {error}"));
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

    /// Looks who is stuck, for the metric, unless that was not so long ago.
    pub(super) fn count_stuck(&mut self) {
        if probes::now_ns().saturating_sub(self.exits.looked_ns) >= IN_BACKGROUND_NS {
            self.stuck(THRESHOLD);
        }
    }

    /// The same by a look that was taken for something else, if the next would come soon: to look
    /// at all processes is most of what it costs.
    pub(super) fn count_stuck_in(&mut self, snapshot: &Snapshot) {
        if snapshot.begun_ns.saturating_sub(self.exits.looked_ns) >= IN_BACKGROUND_NS / 2 {
            self.stuck_in(snapshot, THRESHOLD);
        }
    }

    /// How many of each workload were stuck when all processes were last looked at.
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

    /// Judges, answers, and begins the round of the next question.
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
                let container = workload.as_deref().and_then(answers::container);
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
            let items = round.suspects.iter().filter_map(item).collect();
            // Nobody waits any more when sending fails.
            self.count();
            let _gone = round.to.send(self.state.document(items, now_ns));
        }
        self.begin_stuck_round();
    }
}
