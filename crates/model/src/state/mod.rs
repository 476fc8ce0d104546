//! All that is known of a machine's deaths, and the answers to what people ask of it.
//!
//! The agent's loop feeds a [`State`] from the kernel, a replay feeds it from a file, and tests
//! feed it by hand; the same inputs give the same answers.

mod culprits;
mod explain;
mod habits;
mod judging;
mod stuck;
#[cfg(test)]
mod tests;
mod top;
mod zombies;

pub use culprits::CULPRIT_FIELDS;
pub use stuck::Looked;
pub use top::TOP_FIELDS;
pub use zombies::{ChosenZombies, ListedZombies, Relatives, ZOMBIE_FIELDS};

use api::Shared;

use crate::answers;
use crate::clock::Wall;
use crate::counts::Tally;
use crate::culprit::judgements::Judgements;
use crate::culprit::rules;
use crate::events::{Event, Snapshot};
use crate::lifecycle::{Lifecycle, Limits, Record, Transition};
use crate::parents::{Parents, Row};
use crate::pids::Usage;
use crate::recording::{Counted, Head};
use crate::workload::{Dead, Workloads};

/// How many deaths are remembered, unless the host sets another limit.
pub const LIMITS: Limits = Limits {
    open: 65_536,
    recent: 8_192,
    recent_ns: 300_000_000_000,
};
/// How many parents are.
pub const PARENTS: usize = 4_096;

/// The state of one machine.
#[derive(Debug)]
pub struct State {
    /// Which machine it is, and since when it is watched.
    pub about: Head,
    /// How wall time is joined with kernel time.
    pub wall: Wall,
    /// The dead.
    pub lifecycle: Lifecycle,
    /// How processes treat their dead children.
    pub parents: Parents,
    /// Why they do not reap.
    pub judgements: Judgements,
    /// To which container, pod or unit processes belong.
    pub workloads: Workloads,
    /// What siblings have in common, as the last answer shows it.
    pub relatives: Relatives,
    /// Deaths and reaps, counted from changes.
    pub tally: Tally,
    /// What was counted when it was last asked for.
    pub counted: Counted,
    /// How full the PID tables were then: the node's first.
    pub pids: Vec<Usage>,
    /// Exits that were stuck when all processes were last looked at.
    pub stuck: u64,
    /// Processes that had not heard a terminating signal then.
    pub unheard: u64,
    /// Whether calls of wait are counted.
    pub counts_waits: bool,
    /// Why some culprits have not been judged.
    pub why_unjudged: String,
}

impl State {
    /// Of a machine of which nothing is known yet.
    pub fn new(about: Head, wall: Wall, workloads: Workloads) -> Self {
        Self {
            wall,
            lifecycle: Lifecycle::new(LIMITS),
            parents: Parents::new(PARENTS, about.began_ns),
            judgements: Judgements::default(),
            workloads,
            relatives: Relatives::default(),
            tally: Tally::default(),
            counted: Counted::default(),
            pids: Vec::new(),
            stuck: 0,
            unheard: 0,
            counts_waits: false,
            why_unjudged: String::new(),
            about,
        }
    }

    /// Takes in an event. What changed goes to `changes`, each of which must come back through
    /// [`State::note`] before an exec is taken in: earlier events belong to the former program.
    pub fn apply(&mut self, event: &Event, changes: &mut Vec<Transition>) {
        if let Event::Exec(exec) = event {
            self.parents.exec(exec);
        }
        self.lifecycle.apply(event, changes);
    }

    /// Remembers a death that the kernel side has counted, with its reap, and not reported. It is
    /// counted no further; what it shows of other processes goes to `changes`.
    pub fn recall(&mut self, death: &Event, reap: &Event, changes: &mut Vec<Transition>) {
        let mut new = Vec::new();
        self.lifecycle.apply(death, &mut new);
        self.lifecycle.apply(reap, &mut new);
        let Event::Release(reap) = reap else { return };
        changes.extend(new.into_iter().filter(|change| match change {
            Transition::Died(key) => *key != reap.dead,
            Transition::Finished(record) => record.process.key != reap.dead,
            _ => true,
        }));
    }

    /// Compares a snapshot of all processes with the table of the dead.
    pub fn reconcile(&mut self, snapshot: Snapshot, changes: &mut Vec<Transition>) {
        self.lifecycle.reconcile(snapshot, changes);
    }

    /// Takes from a snapshot who lives and who does not.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        self.parents.observe(snapshot);
    }

    /// Takes a change into the counts and into the rows of parents.
    pub fn note(&mut self, change: &Transition, now_ns: u64) {
        self.tally.change(change);
        self.parents.apply(change, &self.lifecycle, now_ns);
    }

    /// Forgets what is too long ago.
    pub fn tick(&mut self, now_ns: u64) {
        self.lifecycle.expire(now_ns);
        self.relatives = Relatives::default();
    }

    /// The head of every answer.
    pub fn head(&self, now_ns: u64) -> api::Head {
        api::Head {
            version: api::VERSION,
            host: self.about.host.clone(),
            kernel: self.about.kernel.clone(),
            source: self.about.source.clone(),
            at: answers::time(self.wall, now_ns),
            lost_events: self.counted.lost_events(),
            unlisted_zombies: self.lifecycle.unlisted_len(),
        }
    }

    /// An answer with these of `total` items.
    pub fn document<T>(&self, items: Vec<T>, total: u64, now_ns: u64) -> api::Document<T> {
        api::Document {
            head: self.head(now_ns),
            total,
            items,
            notes: self.judgements.notes(),
        }
    }

    /// Processes that hold or held zombies, the worst first.
    pub fn rows(&self, now_ns: u64) -> Vec<Row> {
        self.parents.rows(now_ns, &self.lifecycle)
    }

    /// Whether the workloads of all processes in a frame of `top` are known, or cannot be; all that
    /// are not are asked for.
    pub fn are_placed(&mut self, now_ns: u64) -> bool {
        let rows = self.rows(now_ns);
        let workloads = &mut self.workloads;
        let mut all = true;
        for row in &rows {
            all &= workloads.knows_living(row.process.key, now_ns);
        }
        for group in self.lifecycle.siblings() {
            all &= workloads.knows_dead(Dead::of_siblings(&group), now_ns);
        }
        all
    }

    /// Why a zombie is not reaped, as of the last round of judging.
    fn why_unreaped(&self, record: &Record, now_ns: u64) -> Option<Shared<api::Verdict>> {
        if self.judgements.is_old(record.died.at_ns) {
            let holder = record.responsible()?;
            self.judgements.verdict(holder.key).cloned()
        } else {
            let age_ns = now_ns.saturating_sub(record.died.at_ns);
            let verdict = rules::just_died(age_ns).for_answer(|_| false);
            Some(Shared::new(verdict))
        }
    }

    fn pids(&self) -> Vec<api::Pids> {
        answers::pids(&self.pids, |id| self.workloads.cgroup(id))
    }
}
