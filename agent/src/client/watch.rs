//! A command without an agent watches for a while before it asks for verdicts, so that they rest on
//! more than one moment.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::handle::{Handle, Request};
use api::{Confidence, Explained, ProcessState, Verdict};
use model::culprit::rules::JUST_DIED;
use model::filter::Selection;

use super::Source;

/// How often to check whether watching longer could change the answer.
const EVERY: Duration = Duration::from_millis(500);
/// No check this close to the end, so that the last verdicts are from the end.
const LAST: Duration = Duration::from_secs(1);

/// What the command will ask.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// All zombies, or the processes that hold them.
    Zombies,
    /// Exiting processes.
    Stuck,
    /// One process.
    Process(u32),
}

impl Source {
    /// Watches for `span`, or less if that is enough. Does nothing for a running agent, which has
    /// been watching, and for a recording.
    ///
    /// # Errors
    /// If the agent inside this command has stopped.
    pub async fn watch(&self, span: Duration, question: Question) -> anyhow::Result<()> {
        let Self::Embedded(handle) = self else {
            return Ok(());
        };
        if span.is_zero() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut countdown = Countdown::begin();
        loop {
            let left = span.saturating_sub(begun.elapsed());
            countdown.show(left);
            if left <= LAST.min(span / 2) {
                break;
            }
            if is_enough(handle, question).await? {
                return Ok(());
            }
            sleep(EVERY.min(left)).await;
        }
        sleep_until(begun + span).await;
        Ok(())
    }
}

/// Whether there is nothing to judge, or no verdict can become more certain.
async fn is_enough(handle: &Handle, question: Question) -> anyhow::Result<bool> {
    Ok(match question {
        Question::Zombies => {
            let zombies = handle.zombies(Selection::default()).await?.items;
            zombies.iter().all(|it| is_certain(it.verdict.as_deref()))
        }
        Question::Stuck => {
            let exiting = handle.ask(|to| Request::Stuck(Duration::ZERO, to)).await?;
            let mut exiting = exiting.items.iter();
            exiting.all(|it| is_certain(it.verdict.as_ref()))
        }
        Question::Process(pid) => is_explained(&handle.explain(pid).await?),
    })
}

fn is_explained(explained: &Explained) -> bool {
    let story = &explained.story;
    let holds_zombies = || {
        story
            .habits
            .as_ref()
            .is_some_and(|it| it.culprit.zombies > 0)
    };
    match story.state.known() {
        Some(ProcessState::Zombie | ProcessState::Exiting) => is_certain(story.verdict.as_ref()),
        Some(ProcessState::Alive) if holds_zombies() => is_certain(story.verdict.as_ref()),
        _ => true,
    }
}

/// Whether watching longer could not change this verdict. A zombie below the minimum age has not
/// been judged yet.
fn is_certain(verdict: Option<&Verdict>) -> bool {
    verdict.is_some_and(|it| it.confidence == Confidence::Certain && it.id != JUST_DIED)
}

/// A countdown on one line of a terminal; silent otherwise.
struct Countdown {
    is_shown: bool,
    written: usize,
}

impl Countdown {
    fn begin() -> Self {
        Self {
            is_shown: stderr().is_terminal(),
            written: 0,
        }
    }

    fn show(&mut self, left: Duration) {
        if !self.is_shown {
            return;
        }
        let seconds = left.as_secs_f64().ceil();
        let text =
            format!("reapwatch: watching for {seconds}s before judging (--watch 0s to skip)");
        self.rewrite(&text);
    }

    /// Overwrites with blanks, since not every terminal can erase.
    fn rewrite(&mut self, text: &str) {
        let blanks = " ".repeat(self.written.saturating_sub(text.len()));
        let mut stderr = stderr();
        // stderr may be closed.
        let _gone = write!(stderr, "\r{text}{blanks}\r").and_then(|()| stderr.flush());
        self.written = text.len();
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        if self.written > 0 {
            self.rewrite("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_final_verdict_ends_watching() {
        let verdict = |id: &'static str, confidence: Confidence| Verdict {
            id: id.into(),
            summary: String::new(),
            evidence: Vec::new(),
            repeats: Vec::new(),
            remedy: String::new(),
            confidence: confidence.into(),
        };
        assert!(is_certain(Some(&verdict(
            "parent_stopped",
            Confidence::Certain
        ))));
        assert!(!is_certain(Some(&verdict(
            "never_waits",
            Confidence::Likely
        ))));
        assert!(!is_certain(Some(&verdict(JUST_DIED, Confidence::Certain))));
        assert!(!is_certain(None));
    }
}
