//! Prints the truth and the answers of both agents.

use serde_json::Value;

use super::case::{Expectation, Place};
use super::judge::{self, Answer, When};
use super::procs::Cast;

/// The results of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// Cases that cannot run here, with the reason.
    pub(super) not_run: Vec<(String, String)>,
    /// Cases whose truth never held, with the reason: a fault of the case.
    pub(super) never_true: Vec<(String, String)>,
}

/// One process of a case.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) case: String,
    pub(super) of: String,
    pub(super) truth: String,
    /// The truth in words.
    pub(super) story: String,
    pub(super) before: AgentResult,
    /// `None` if only an agent that ran before can know.
    pub(super) after: Option<AgentResult>,
}

/// The last answer of an agent, and its faults.
#[derive(Debug, Default)]
pub(super) struct AgentResult {
    answer: Option<Answer>,
    pub(super) faults: Vec<String>,
    /// Whether a wrong answer was ever given as certain.
    certainly_wrong: bool,
    /// Whether a healthy program was ever accused, which remains a fault.
    accused: bool,
}

impl AgentResult {
    pub(super) fn record(
        &mut self,
        expected: &Expectation,
        cast: &Cast,
        answer: Answer,
        when: When<'_>,
    ) {
        self.certainly_wrong |= judge::is_certainly_wrong(expected, &answer, when);
        if self.accused {
            return;
        }
        self.faults = judge::faults(expected, cast, &answer, when);
        self.accused = expected.place == Place::Nowhere && !self.faults.is_empty();
        self.answer = Some(answer);
    }

    pub(super) fn is_right(&self) -> bool {
        self.answer.is_some() && self.faults.is_empty() && !self.certainly_wrong
    }

    fn cell(&self) -> String {
        let result = self.answer.as_ref().map_or("?", |answer| match answer {
            Answer { listed: false, .. } => "-",
            answer => answer.id(),
        });
        let confidence = self.answer.as_ref().map_or("", Answer::confidence);
        let confidence: String = confidence.chars().take(1).collect();
        let mark = if self.is_right() { ' ' } else { '!' };
        format!("{mark}{result} {confidence}")
    }

    fn quote(&self) -> Vec<String> {
        let Some(answer) = &self.answer else {
            return Vec::new();
        };
        let text = |pointer: &str| answer.document.pointer(pointer).and_then(Value::as_str);
        let parts = ["/verdict/summary", "/verdict/remedy"];
        let lines = parts.iter().filter_map(|part| text(part));
        lines.map(|line| format!("    \"{line}\"")).collect()
    }
}

/// The cell of the truth.
pub(super) fn truth(expected: &Expectation) -> String {
    match (expected.place, expected.verdict.first()) {
        (Place::Nowhere, _) => "(healthy)".to_owned(),
        (_, Some(verdict)) => verdict.clone(),
        (_, None) => "(explained)".to_owned(),
    }
}

impl Report {
    /// The exit code: 0 if all answers are right, 1 if something is wrong, 2 if a case did not run.
    pub(super) fn code(&self) -> u8 {
        match (self.wrong(), self.not_run.len()) {
            (0, 0) => 0,
            (0, _) => 2,
            (_, _) => 1,
        }
    }

    pub(super) fn render(&self) -> String {
        let mut lines = vec![format!(
            "{:42} {:27} {:31} {}",
            "program", "truth", "agent before", "agent after"
        )];
        for row in &self.rows {
            let name = format!("{} ({})", row.case, row.of);
            let after = row
                .after
                .as_ref()
                .map_or(" -".to_owned(), AgentResult::cell);
            let before = row.before.cell();
            lines.push(format!("{name:42} {:27} {before:31} {after}", row.truth));
        }
        lines.push(String::new());
        for row in &self.rows {
            if row.before.is_right() && row.after.as_ref().is_none_or(AgentResult::is_right) {
                continue;
            }
            lines.push(format!("{} ({}): {}", row.case, row.of, row.story.trim()));
            let after = row.after.as_ref().map(|result| ("after", result));
            for (when, result) in [("before", &row.before)].into_iter().chain(after) {
                if result.is_right() {
                    continue;
                }
                let mut faults = result.faults.clone();
                if result.answer.is_none() {
                    faults.push("not asked".to_owned());
                }
                if result.certainly_wrong {
                    faults.push("a wrong answer was given as certain".to_owned());
                }
                let faults = faults.join("; ");
                lines.push(format!("  agent {when}: {faults}"));
                lines.extend(result.quote());
            }
        }
        for (case, why) in &self.never_true {
            lines.push(format!(
                "{case}: the expected state was never reached: {why}"
            ));
        }
        for (case, why) in &self.not_run {
            lines.push(format!("{case}: NOT RUN: {why}"));
        }
        lines.push(self.sum());
        lines.join("\n")
    }

    fn answers(&self) -> impl Iterator<Item = &AgentResult> {
        let each = self.rows.iter();
        each.flat_map(|row| [Some(&row.before), row.after.as_ref()])
            .flatten()
    }

    fn wrong(&self) -> usize {
        let wrong = self.answers().filter(|result| !result.is_right());
        wrong.count() + self.never_true.len()
    }

    fn sum(&self) -> String {
        let mut programs: Vec<_> = self.rows.iter().map(|row| &row.case).collect();
        programs.dedup();
        let right = self.answers().filter(|result| result.is_right()).count();
        let certain = self.answers().filter(|result| result.certainly_wrong);
        format!(
            "real: {} programs, {right} answers right, {} wrong (of these {} certain)",
            programs.len(),
            self.wrong(),
            certain.count()
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(case: &str, rest: &str, given: &[(&str, &str)]) -> Row {
        let expected: Expectation = serde_saphyr::from_str(&format!("of: app\n{rest}")).unwrap();
        let mut before = AgentResult::default();
        for (id, confidence) in given {
            let verdict = json!({"id": id, "confidence": confidence});
            let answer = Answer::of(json!({"verdict": verdict}));
            before.record(&expected, &Cast::new(), answer, When::Before);
        }
        Row {
            case: case.to_owned(),
            of: "app".to_owned(),
            truth: truth(&expected),
            story: String::new(),
            before,
            after: None,
        }
    }

    fn report(rows: Vec<Row>) -> Report {
        Report {
            rows,
            ..Report::default()
        }
    }

    #[test]
    fn only_a_complete_and_correct_run_exits_with_zero() {
        let right = || row("one", "in: culprits\nverdict: [a]", &[("a", "likely")]);
        let mut report = report(vec![right()]);
        assert_eq!(report.code(), 0);
        report
            .not_run
            .push(("two".to_owned(), "missing: tini".to_owned()));
        assert_eq!(report.code(), 2);
        assert!(report.render().contains("tini"));
        report
            .never_true
            .push(("three".to_owned(), "nobody".to_owned()));
        assert_eq!(report.code(), 1);
        let last = report.render();
        let last = last.lines().last().unwrap();
        assert_eq!(
            last,
            "real: 1 programs, 1 answers right, 1 wrong (of these 0 certain)"
        );
    }

    #[test]
    fn a_certain_but_wrong_verdict_stays_wrong() {
        let given = [("b", "certain"), ("a", "certain")];
        let report = report(vec![row("one", "in: culprits\nverdict: [a]", &given)]);
        assert_eq!(report.code(), 1);
        assert!(report.sum().ends_with("1 wrong (of these 1 certain)"));
    }

    #[test]
    fn a_healthy_program_that_was_accused_once_stays_accused() {
        let given = [("never_waits", "guess"), ("just_died", "certain")];
        let report = report(vec![row("one", "in: nowhere", &given)]);
        assert_eq!(report.code(), 1);
        assert!(report.render().contains("accused: never_waits"));
    }
}
