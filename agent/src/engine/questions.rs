//! Requests with verdicts: each is answered once a round of judging is over and the rest of its
//! answer is available too.

use tokio::sync::oneshot;

use api::{Culprits, Document, Explained, Top};
use model::explain::Seen;
use model::filter::Selection;
use model::state::ListedZombies;

/// How long an answer waits for workloads and PID tables.
const HELD_NS: u64 = 1_000_000_000;
/// How long answers do not wait for workloads after a timeout.
const PLACELESS_NS: u64 = 60_000_000_000;

/// A request that needs verdicts.
#[derive(Debug)]
pub(super) enum Question {
    Culprits(Selection, oneshot::Sender<Culprits>),
    Zombies(Selection, oneshot::Sender<ListedZombies>),
    Explain(u32, Seen, oneshot::Sender<Explained>),
    Top(Selection, oneshot::Sender<Document<Top>>),
}

impl Question {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool {
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
    unjudged: Vec<Question>,
    held: Vec<Held>,
    /// Until then no request waits for workloads, because they recently timed out.
    placeless_until_ns: u64,
}

impl Questions {
    /// A request that waits for the end of the round.
    pub(super) fn wait(&mut self, question: Question) {
        self.unjudged.push(question);
    }

    /// The round is over.
    pub(super) fn judged(&mut self, now_ns: u64) {
        for question in std::mem::take(&mut self.unjudged) {
            self.hold(question, now_ns);
        }
    }

    /// A request that has its verdicts.
    pub(super) fn hold(&mut self, question: Question, now_ns: u64) {
        self.held.push(Held {
            since_ns: now_ns,
            placed_ns: None,
            question,
        });
    }

    /// Whether there are requests that wait for more than verdicts.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes all requests whose answer is complete, or that have waited long enough. `are_placed`
    /// says whether workloads are known, `has_looked` whether PID tables of that time are.
    pub(super) fn take_due(
        &mut self,
        now_ns: u64,
        are_placed: impl FnOnce() -> bool,
        mut has_looked: impl FnMut(u64) -> bool,
    ) -> Vec<Question> {
        self.held.retain(|held| !held.question.is_abandoned());
        if self.held.is_empty() {
            return Vec::new();
        }
        let is_placed = now_ns < self.placeless_until_ns || are_placed();
        let placeless_until_ns = &mut self.placeless_until_ns;
        let is_due = |held: &mut Held| {
            let is_late = now_ns.saturating_sub(held.since_ns) >= HELD_NS;
            let needs_places = !matches!(held.question, Question::Explain(..));
            if is_placed || !needs_places {
                held.placed_ns.get_or_insert(now_ns);
            } else if is_late {
                *placeless_until_ns = now_ns + PLACELESS_NS;
            }
            let is_whole = match (held.placed_ns, &held.question) {
                (None, _) => false,
                // Zombies and PIDs from different moments would not add up.
                (Some(since_ns), Question::Culprits(..)) => has_looked(since_ns),
                (Some(_), _) => true,
            };
            is_whole || is_late
        };
        let due = self.held.extract_if(.., is_due);
        due.map(|held| held.question).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = HELD_NS;

    /// A request about culprits, held since 0.
    fn held() -> (Questions, oneshot::Receiver<Culprits>) {
        let mut questions = Questions::default();
        let (to, answer) = oneshot::channel();
        questions.wait(Question::Culprits(Selection::default(), to));
        assert!(questions.take_due(0, || true, |_| true).is_empty());
        questions.judged(0);
        (questions, answer)
    }

    #[test]
    fn culprits_wait_for_workloads_and_for_pid_tables_of_that_time() {
        let (mut questions, _answer) = held();
        assert!(questions.take_due(1, || false, |_| true).is_empty());
        assert!(questions.take_due(2, || true, |_| false).is_empty());
        let due = questions.take_due(3, || false, |since_ns| since_ns == 2);
        assert_eq!(due.len(), 1, "the workloads were known before");
    }

    #[test]
    fn answers_do_not_wait_for_workloads_soon_after_a_timeout() {
        let (mut questions, _answer) = held();
        assert_eq!(questions.take_due(SECOND, || false, |_| false).len(), 1);
        let (to, _next) = oneshot::channel();
        questions.hold(Question::Top(Selection::first(1), to), SECOND);
        let asked = || unreachable!("workloads are not asked for");
        assert_eq!(questions.take_due(SECOND, asked, |_| false).len(), 1);
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_dropped() {
        let (mut questions, answer) = held();
        drop(answer);
        assert!(questions.take_due(SECOND, || true, |_| true).is_empty());
    }
}
