//! Stuck exits: snapshots show the suspects, a helper thread reads their files, and the rules judge
//! what arrived in time.

use std::collections::{BTreeSet, VecDeque};
use std::{mem, time::Duration};

use tokio::sync::oneshot;

use super::recorder::Recorder;
use super::rounds::{Rounds, Sender};
use super::snapshots::Taken;
use crate::host::cgroups::Mounts;
use crate::host::ends::Search;
use crate::host::stuck::collect;
use api::{Document, Stuck};
use model::answers::stuck::UNREADABLE;
use model::events::Key;
use model::state::{Looked, State};
use model::stuck::evidence::Facts;
use model::stuck::evidence::watch::{Suspect, Watch};

/// Default time after which an exit counts as stuck.
pub(crate) const THRESHOLD: Duration = Duration::from_secs(5);
/// How long a request waits for evidence from files.
const PATIENCE: Duration = Duration::from_secs(3);
/// Maximum number of suspects in one answer.
pub(super) const SUSPECTS: usize = 64;
/// How often all processes are examined for the metric.
const IN_BACKGROUND_NS: u64 = 10_000_000_000;

/// A threshold, and who asks; nobody does if it is for a recording.
pub(super) type Question = (Duration, Asker);
type Asker = Option<oneshot::Sender<Document<Stuck>>>;

/// Evidence from the files of a process; `None` if they could not be read.
type Read = Option<Facts>;

/// What a snapshot shows of processes that do not die.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noted {
    /// There are some.
    pub(super) any: bool,
    /// They are not the same as before.
    pub(super) others: bool,
}

/// Exiting processes, and the round under way.
#[derive(Debug)]
pub(super) struct StuckExits {
    watch: Watch,
    /// The stuck processes when all processes were last counted.
    counted: Vec<Suspect>,
    /// These, and those who had not heard a terminating signal then.
    found: BTreeSet<Key>,
    counted_ns: u64,
    waiting: VecDeque<Question>,
    /// For this one a snapshot is being taken.
    next: Option<Question>,
    rounds: Rounds<(Vec<Suspect>, Asker), Read>,
}

impl StuckExits {
    pub(super) fn new() -> Self {
        Self {
            watch: Watch::default(),
            counted: Vec::new(),
            found: BTreeSet::new(),
            counted_ns: 0,
            waiting: VecDeque::new(),
            next: None,
            rounds: Rounds::new(PATIENCE),
        }
    }

    /// The stuck processes when all processes were last counted.
    pub(super) fn counted(&self) -> &[Suspect] {
        &self.counted
    }

    /// How many these were, and how many had not heard a terminating signal then.
    pub(super) fn counts(&self) -> (u64, u64) {
        let stuck = self.counted.len();
        (stuck as u64, (self.found.len() - stuck) as u64)
    }

    /// Whether a snapshot is needed to count them, at most once in this time.
    pub(super) fn is_count_due(&self, least_ns: u64, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.counted_ns) >= IN_BACKGROUND_NS.max(least_ns)
    }

    /// After how long an exit counts as stuck, for all who ask now.
    pub(super) fn least_threshold(&self) -> Duration {
        let asked = self.next.as_ref().map(|(threshold, _)| *threshold);
        asked.unwrap_or(THRESHOLD).min(THRESHOLD)
    }

    /// Takes in a snapshot, whatever it was taken for, and counts unless the last count is recent.
    pub(super) fn note(&mut self, taken: &Taken) -> Noted {
        let snapshot = &taken.snapshot;
        self.watch.note(snapshot);
        // A snapshot is most of the cost, so it is used if the next count is due soon.
        if snapshot.begun_ns.saturating_sub(self.counted_ns) < IN_BACKGROUND_NS / 2 {
            return Noted::default();
        }
        self.counted_ns = snapshot.begun_ns;
        self.counted = self.suspects(taken, THRESHOLD);
        let found = self.counted.iter().map(|it| it.process.key).collect();
        self.counted.retain(|it| it.unheard.is_none());
        let before = mem::replace(&mut self.found, found);
        Noted {
            any: !self.found.is_empty(),
            others: self.found != before,
        }
    }

    /// Begins the round of the next request with the snapshot that was taken for it and noted;
    /// `None` if that failed.
    pub(super) fn look(&mut self, taken: Option<&Taken>) {
        let Some((threshold, to)) = self.next.take() else {
            return;
        };
        let suspects = taken.map(|taken| self.suspects(taken, threshold));
        let suspects = suspects.unwrap_or_default();
        let examined = suspects.clone();
        let look = move |found: &Sender<_>| look(&examined, found);
        let look = (!suspects.is_empty()).then_some(look);
        self.rounds.begin((suspects, to), look);
    }

    fn suspects(&self, taken: &Taken, threshold: Duration) -> Vec<Suspect> {
        let (snapshot, threads) = (&taken.snapshot, &taken.threads);
        let threshold_ns = threshold.as_nanos() as u64;
        self.watch
            .suspects(snapshot, threads, threshold_ns, SUSPECTS)
    }

    /// A request, which [`StuckExits::begin`] takes in its turn.
    pub(super) fn ask(&mut self, question: Question) {
        self.waiting.push_back(question);
    }

    /// Takes the next request, unless a round is under way. Whether it needs a snapshot, with which
    /// [`StuckExits::look`] goes on.
    pub(super) fn begin(&mut self) -> bool {
        if self.next.is_some() || self.rounds.is_under_way() {
            return false;
        }
        let waits = |to: &oneshot::Sender<_>| !to.is_closed();
        self.waiting.retain(|(_, to)| to.as_ref().is_none_or(waits));
        self.next = self.waiting.pop_front();
        self.next.is_some()
    }

    /// Resolves when the current round is complete or out of time; never without a round.
    pub(super) async fn round_over(&mut self) {
        self.rounds.over().await;
    }

    /// Judges, records and answers.
    pub(super) fn end(&mut self, state: &mut State, recorder: &mut Recorder, now_ns: u64) {
        if let Some(((suspects, to), mut facts)) = self.rounds.end() {
            let known = |key| match facts.remove(&key) {
                Some(Some(facts)) => Looked::Found(Box::new(facts)),
                Some(None) => Looked::Unknown(UNREADABLE),
                None => Looked::Unknown("reapwatch had no time to look at it; ask again"),
            };
            let answer = state.stuck_exits(&suspects, known, now_ns);
            let of = |item: &Stuck| suspects.iter().find(|it| it.process.key.tgid == item.pid);
            let found = answer.items.iter();
            recorder.stuck(
                now_ns,
                found.filter_map(|item| Some((&of(item)?.process, item))),
            );
            if let Some(to) = to {
                // Nobody waits any more when sending fails.
                let _gone = to.send(answer);
            }
        }
    }
}

/// Reads the files of each suspect, and only then looks for other processes that they wait for,
/// which may take the rest of the time. Stops when the receiver is gone.
fn look(suspects: &[Suspect], found: &Sender<Read>) {
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
