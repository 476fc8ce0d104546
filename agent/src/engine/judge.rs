//! Rounds of judging: the state names the suspects, a helper thread reads their files, and the
//! rules judge what came in time.

use std::time::Duration;

use super::rounds::{Rounds, Sender};
use crate::host::cgroups::Mounts;
use crate::host::ends::Search;
use crate::host::suspects::collect;
use model::culprit::evidence::Facts;
use model::culprit::evidence::suspects::Suspect;
use model::events::{Key, Snapshot};
use model::state::State;

/// How long a round waits for what the files say.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most suspects of one round.
pub(super) const SUSPECTS: usize = 32;
/// Verdicts younger than this answer the next question too.
const FRESH_NS: u64 = 1_000_000_000;
/// The same as a multiple of the time that a snapshot takes.
const FRESH_SNAPSHOTS: u64 = 10;
/// A snapshot that takes so long makes a round too long to wait for.
const LONG_NS: u64 = 100_000_000;
/// How often rounds are made for `top`, while somebody looks at it.
const FOR_TOP_NS: u64 = 5_000_000_000;
/// How often rounds are made for the metrics.
const IN_BACKGROUND_NS: u64 = 10_000_000_000;
/// The same while a recording is made, which may be short.
const WHILE_RECORDING_NS: u64 = 2_000_000_000;

/// The round under way.
#[derive(Debug)]
pub(super) struct Judge {
    /// When it began, and about whom it is.
    rounds: Rounds<(u64, Vec<Suspect>), Facts>,
    /// A round begins when the snapshot for it is there.
    is_expected: bool,
}

impl Judge {
    pub(super) fn new() -> Self {
        Self {
            rounds: Rounds::new(PATIENCE),
            is_expected: false,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_expected || self.rounds.is_under_way()
    }

    /// Begins a round, unless one is under way or the last was not so long ago. Whether it needs a
    /// snapshot, with which [`Judge::begin`] goes on.
    pub(super) fn begin_if_older_than(&mut self, age_ns: u64, state: &State, now_ns: u64) -> bool {
        if self.is_busy() || !is_judged_before(state, age_ns, now_ns) {
            return false;
        }
        self.is_expected = state.old_zombies(now_ns).next().is_some();
        if !self.is_expected {
            self.begin(state, None, now_ns);
        }
        self.is_expected
    }

    /// Whether there is something to judge, and the last round was so long ago.
    pub(super) fn is_due(&self, age_ns: u64, state: &State, now_ns: u64) -> bool {
        !self.is_busy()
            && is_judged_before(state, age_ns, now_ns)
            && state.old_zombies(now_ns).next().is_some()
    }

    /// Begins a round about those who hold old zombies.
    pub(super) fn begin(&mut self, state: &State, snapshot: Option<&Snapshot>, now_ns: u64) {
        self.is_expected = false;
        let suspects = state.suspects(snapshot, SUSPECTS, now_ns);
        let who = |suspect: &Suspect| (suspect.process.key, suspect.evidence.zombies.pids.clone());
        let mut keys: Vec<_> = suspects.iter().map(who).collect();
        // Where the time is not enough for all, those who had to go without come first.
        keys.sort_by_key(|&(key, _)| state.judgements.looked_ns(key));
        // They have no descriptors, so nobody need look for any.
        let dead = snapshot.into_iter().flat_map(|it| it.tasks.zombies());
        let dead: Vec<_> = dead.collect();
        let look = move |found: &Sender<_>| look(&keys, dead, found);
        let look = (!suspects.is_empty()).then_some(look);
        self.rounds.begin((now_ns, suspects), look);
    }

    /// Resolves when the current round is complete or out of time; never without a round.
    pub(super) async fn round_over(&mut self) {
        self.rounds.over().await;
    }

    /// Judges.
    pub(super) fn end(&mut self, state: &mut State, now_ns: u64) {
        if let Some(((began_ns, suspects), mut facts)) = self.rounds.end() {
            state.judge(&suspects, began_ns, |key| facts.remove(&key), now_ns);
        }
    }
}

/// How young verdicts must be that answer the next question too, if snapshots take so long.
pub(super) fn fresh_ns(took_ns: u64) -> u64 {
    FRESH_NS.max(FRESH_SNAPSHOTS * took_ns)
}

/// Whether a list of zombies does not wait for a round, if snapshots take so long.
pub(super) fn takes_long(took_ns: u64) -> bool {
    took_ns >= LONG_NS
}

/// How often rounds are made for `top` if snapshots should not be made more often than that.
pub(super) fn for_top_ns(least_ns: u64) -> u64 {
    least_ns.clamp(FOR_TOP_NS, IN_BACKGROUND_NS)
}

/// How often rounds are made for the metrics, likewise, and for a recording.
pub(super) fn in_background_ns(is_recording: bool, least_ns: u64) -> u64 {
    if is_recording {
        WHILE_RECORDING_NS
    } else {
        IN_BACKGROUND_NS.max(least_ns)
    }
}

/// Whether the last round began longer ago than that.
pub(super) fn is_judged_before(state: &State, age_ns: u64, now_ns: u64) -> bool {
    let at_ns = state.judgements.at_ns();
    at_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= age_ns)
}

/// Reads the files of each, with the zombies it holds, until nobody listens any more.
fn look(suspects: &[(Key, Vec<u32>)], dead: Vec<u32>, found: &Sender<Facts>) {
    let mounts = Mounts::find();
    let mut search = Search::among_others_than(dead);
    for (key, zombies) in suspects {
        if found.is_closed() {
            return;
        }
        if let Some(facts) = collect::facts(*key, zombies, &mounts, &mut search) {
            // The round may end at any time.
            let _over = found.send((*key, facts));
        }
    }
}
