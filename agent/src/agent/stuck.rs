//! Who does not die: the loop names the suspects and takes their stacks, a helper thread reads
//! their files, and the rules judge what came in time.

use std::{
    collections::{BTreeMap, VecDeque},
    future,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::answers::contained;
use super::core::Agent;
use super::findings::{self, Findings};
use super::place;
use crate::{
    api::{Document, Stuck},
    cgroups::Mounts,
    events::Snapshot,
    evidence::{
        ends::Search,
        stuck::{
            Facts, collect,
            watch::{Suspect, Watch},
        },
    },
    kernel,
    metrics::{Labels, Present},
    report, signals,
};

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
    facts: Findings<Facts>,
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

/// Reads the files of each, until nobody listens any more: first what each says of itself, since
/// the search for those whom one waits for may take all the time there is.
fn look(suspects: &[Suspect], found: &findings::Sender<Facts>) {
    let mounts = Mounts::find();
    let mut seen = Vec::new();
    for suspect in suspects {
        if let Some(facts) = collect::look(suspect, &mounts) {
            seen.push((suspect, facts.clone()));
            // The round may end at any time.
            let _over = found.send((suspect.process.key, facts));
        }
        if found.is_closed() {
            return;
        }
    }
    let mut search = Search::new();
    for (suspect, facts) in seen {
        if found.is_closed() {
            return;
        }
        if let Some(facts) = collect::follow(suspect, facts, &mut search) {
            let _over = found.send((suspect.process.key, facts));
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
            let taken = kernel::stacks::take(&mut self.kernel);
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
        if kernel::now_ns().saturating_sub(self.exits.looked_ns) >= IN_BACKGROUND_NS {
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
            let workload = self.resolver.of_suspect(suspect, now_ns);
            present
                .entry(Labels::of(workload.as_deref()))
                .or_default()
                .stuck += 1;
        }
        present
    }

    /// Judges, answers, and begins the round of the next question.
    pub(super) fn end_stuck_round(&mut self) {
        self.wall.follow();
        if let Some(mut round) = self.exits.round.take() {
            let now_ns = kernel::now_ns();
            let item = |suspect: &Suspect| {
                let facts = round.facts.take(suspect.process.key);
                let since = suspect.since(facts.as_ref());
                let workload = self.resolver.of_suspect(suspect, now_ns);
                let place = place::of(workload.as_deref(), &[]);
                let container = contained(workload);
                let stuck = suspect.complete(facts, place, now_ns, signals::name);
                let item = Stuck {
                    container,
                    ..report::stuck::item(self.wall, suspect, since, &stuck)
                };
                // Who ignores a signal is fine as long as nobody waits for its end.
                (suspect.unheard.is_none() || item.verdict.is_some()).then_some(item)
            };
            let items = round.suspects.iter().filter_map(item).collect();
            // Nobody waits any more when sending fails.
            let _gone = round.to.send(self.document(items));
        }
        self.begin_stuck_round();
    }
}
