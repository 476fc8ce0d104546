//! Requests with verdicts: each is answered once the rest of its answer is available too.

use tokio::sync::oneshot;

use super::{core::Agent, pids};
use crate::probes;
use api::{Culprits, Document, Explained, Top, Zombie};
use model::explain::Seen;
use model::filter::Selection;
use model::state::State;

/// How long an answer waits for workloads and PID tables.
const HELD_NS: u64 = 1_000_000_000;
/// How long answers do not wait for workloads after a timeout.
const PLACELESS_NS: u64 = 60_000_000_000;

/// A request that a round answers.
#[derive(Debug)]
pub(super) enum Question {
    Culprits(Selection, oneshot::Sender<Culprits>),
    Zombies(Selection, oneshot::Sender<Document<Zombie>>),
    Explain(u32, Seen, oneshot::Sender<Explained>),
    Top(Option<usize>, oneshot::Sender<Document<Top>>),
}

impl Question {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Culprits(_, to) => to.is_closed(),
            Self::Zombies(_, to) => to.is_closed(),
            Self::Explain(_, _, to) => to.is_closed(),
            Self::Top(_, to) => to.is_closed(),
        }
    }
}

/// A request that has its verdicts and waits for the rest of the answer.
#[derive(Debug)]
struct Held {
    since_ns: u64,
    /// When workloads must have been looked up to count.
    placed_ns: Option<u64>,
    question: Question,
}

/// The waiting requests.
#[derive(Debug, Default)]
pub(super) struct Questions {
    held: Vec<Held>,
    /// Until then no request waits for workloads, because they recently timed out.
    placeless_until_ns: u64,
}

impl Agent {
    /// Answers once the workloads of all processes in the answer and the current PID tables are
    /// known.
    pub(super) fn answer_placed(&mut self, question: Question) {
        self.questions.held.push(Held {
            since_ns: probes::now_ns(),
            placed_ns: None,
            question,
        });
        self.answer_held();
    }

    /// Answers all requests that are complete or have timed out.
    pub(super) fn answer_held(&mut self) {
        if self.questions.held.is_empty() {
            return;
        }
        let now_ns = probes::now_ns();
        let is_placed = now_ns < self.questions.placeless_until_ns || self.all_are_placed(now_ns);
        for mut held in std::mem::take(&mut self.questions.held) {
            if held.question.is_abandoned() {
                continue;
            }
            let is_late = now_ns.saturating_sub(held.since_ns) >= HELD_NS;
            let needs_places = !matches!(held.question, Question::Explain(..));
            if is_late && needs_places && !is_placed {
                self.questions.placeless_until_ns = now_ns + PLACELESS_NS;
            }
            if is_placed || !needs_places {
                held.placed_ns.get_or_insert(now_ns);
            }
            let is_whole = match (held.placed_ns, &held.question) {
                (None, _) => false,
                // Zombies and PIDs from different moments would not add up.
                (Some(since_ns), Question::Culprits(..)) => self.has_looked_at_pids(since_ns),
                (Some(_), _) => true,
            };
            if is_whole || is_late {
                self.answer_question(held.question);
            } else {
                self.questions.held.push(held);
            }
        }
    }

    /// Whether all workloads in a frame of `top` are known, or cannot be.
    fn all_are_placed(&mut self, now_ns: u64) -> bool {
        let rows = self.state.rows(now_ns);
        let State {
            lifecycle,
            workloads,
            ..
        } = &mut self.state;
        // All are asked for, however soon one is found that is not known.
        let mut all = true;
        for row in &rows {
            all &= workloads.knows_living(row.process.key, now_ns);
        }
        for zombie in lifecycle.zombies() {
            all &= workloads.knows_record(zombie, now_ns);
        }
        self.resolver.send(workloads);
        all
    }

    fn answer_question(&mut self, question: Question) {
        if matches!(question, Question::Top(..)) {
            self.look_at_pids(pids::WHILE_ASKED_NS);
        }
        self.count();
        if matches!(question, Question::Top(..) | Question::Culprits(..)) {
            self.state.pids = self.pid_usages();
            self.state.stuck = self.exits.count();
        }
        let now_ns = probes::now_ns();
        // Nobody waits any more when sending fails.
        let _gone = match question {
            Question::Culprits(wanted, to) => to.send(self.state.culprits(&wanted, now_ns)).is_ok(),
            Question::Zombies(wanted, to) => to.send(self.state.zombies(&wanted, now_ns)).is_ok(),
            Question::Top(limit, to) => to.send(self.state.top(limit, now_ns)).is_ok(),
            Question::Explain(pid, seen, to) => {
                let snapshot = self.look_at_all();
                // Who died while it was taken.
                self.drain();
                let now_ns = probes::now_ns();
                let explained = self.state.explain(pid, &seen, snapshot.as_ref(), now_ns);
                to.send(explained).is_ok()
            }
        };
    }
}
