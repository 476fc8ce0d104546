//! Judges an answer of the agent.

use serde_json::Value;

use super::case::{Expectation, Place};
use super::procs::Cast;

/// Confidences, lowest first.
const CONFIDENCES: [&str; 3] = ["guess", "likely", "certain"];

/// Words of a clause that advises against something.
const AGAINST: [&str; 10] = [
    "not ",
    "n't",
    "never",
    "instead of",
    "rather than",
    "would ",
    "no use",
    "useless",
    "without",
    "avoid",
];

/// The answer of an agent about one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Whether the process is in the list.
    pub(super) listed: bool,
    /// Id and confidence.
    pub(super) verdict: Option<(String, String)>,
    /// The remedy of the verdict and the advice of `explain`.
    pub(super) advice: Vec<String>,
    /// The whole answer.
    pub(super) document: Value,
}

/// Which agent answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum When<'a> {
    /// The one that ran before the case.
    Before,
    /// The one that started later; with the answer of the first.
    After(&'a Answer),
}

impl Answer {
    /// From an item of a list, or from an explanation.
    pub(super) fn of(document: Value) -> Self {
        let text = |pointer: &str| document.pointer(pointer)?.as_str().map(str::to_owned);
        let advice = document.pointer("/advice").and_then(Value::as_array);
        let advice = advice.into_iter().flatten();
        let advice = advice.filter_map(|line| Some(line.as_str()?.to_owned()));
        Self {
            listed: true,
            verdict: text("/verdict/id").zip(text("/verdict/confidence")),
            advice: text("/verdict/remedy").into_iter().chain(advice).collect(),
            document,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.verdict.as_ref().map_or("none", |(id, _)| id)
    }

    pub(super) fn confidence(&self) -> &str {
        let confidence = self.verdict.as_ref().map(|(_, confidence)| confidence);
        confidence.map_or("", String::as_str)
    }

    /// All strings of the answer, one on each line.
    fn text(&self) -> String {
        let mut lines = Vec::new();
        strings(&self.document, &mut lines);
        lines.join("\n")
    }
}

/// The faults of an answer.
pub(super) fn faults(
    expected: &Expectation,
    cast: &Cast,
    answer: &Answer,
    when: When<'_>,
) -> Vec<String> {
    if expected.place == Place::Nowhere {
        let accused = answer.listed && answer.id() != "just_died";
        return accused
            .then(|| format!("accused: {}", answer.id()))
            .into_iter()
            .collect();
    }
    let mut faults: Vec<String> = verdict_fault(expected, answer, when).into_iter().collect();
    let says_nothing = expected.later.iter().any(|id| id == "none") && answer.verdict.is_none();
    if matches!(when, When::After(_)) && says_nothing {
        return faults;
    }
    let text = answer.text();
    let only_before = match when {
        When::Before => expected.mentions_before.as_slice(),
        When::After(_) => &[],
    };
    for mention in expected.mentions.iter().chain(only_before) {
        let mut ways = mention.split(" | ");
        if !ways.any(|way| contains(&text, &with_pids(way, cast))) {
            faults.push(format!("does not mention {}", with_pids(mention, cast)));
        }
    }
    for phrase in &expected.never_says {
        if contains(&text, phrase) {
            faults.push(format!("contains \"{phrase}\""));
        }
    }
    for phrase in &expected.never_advises {
        if answer.advice.iter().any(|advice| advises(advice, phrase)) {
            faults.push(format!("advises \"{phrase}\""));
        }
    }
    for (pointer, value) in &expected.fields {
        let found = answer.document.pointer(pointer).unwrap_or(&Value::Null);
        if found != value {
            faults.push(format!("{pointer} is {found}, not {value}"));
        }
    }
    faults
}

/// Whether an answer has a wrong verdict with the confidence `certain`.
pub(super) fn is_certainly_wrong(expected: &Expectation, answer: &Answer, when: When<'_>) -> bool {
    let wrong = match expected.place {
        Place::Nowhere => answer.listed,
        _ => verdict_fault(expected, answer, when).is_some(),
    };
    wrong && answer.confidence() == "certain"
}

fn verdict_fault(expected: &Expectation, answer: &Answer, when: When<'_>) -> Option<String> {
    if expected.verdict.is_empty() {
        return None;
    }
    let allowed = |list: &[String]| list.iter().any(|one| allows(one, answer));
    let verdict = format!("{} {}", answer.id(), answer.confidence());
    match when {
        When::Before => (!allowed(&expected.verdict)).then_some(verdict),
        // There is nothing to compare with until the first agent has answered rightly.
        When::After(before) if answer.id() == before.id() => {
            let fine = allowed(&expected.verdict) || allowed(&expected.later);
            (!fine).then_some(verdict)
        }
        When::After(before) if allowed(&expected.later) => {
            let less = rank(answer.confidence()) < rank(before.confidence());
            (!less).then(|| format!("{verdict}, which is not less than {}", before.confidence()))
        }
        When::After(before) => {
            let before_is_wrong = !allowed_by(&expected.verdict, before);
            let fine = before_is_wrong && allowed(&expected.verdict);
            (!fine).then(|| format!("{verdict}, and {} before", before.id()))
        }
    }
}

fn allowed_by(list: &[String], answer: &Answer) -> bool {
    list.iter().any(|one| allows(one, answer))
}

/// `one` is an id, or an id and its highest confidence.
fn allows(one: &str, answer: &Answer) -> bool {
    let (id, most) = one.split_once(' ').unwrap_or((one, "certain"));
    id == answer.id() && rank(answer.confidence()) <= rank(most)
}

fn rank(confidence: &str) -> usize {
    let place = CONFIDENCES.iter().position(|known| *known == confidence);
    place.map_or(0, |place| place + 1)
}

/// Whether a clause of the advice has this phrase and does not advise against it.
fn advises(advice: &str, phrase: &str) -> bool {
    let clauses = advice.split(['.', ';', '\n']);
    clauses.into_iter().any(|clause| {
        let clause = clause.to_lowercase();
        clause.contains(&phrase.to_lowercase())
            && !AGAINST.iter().any(|against| clause.contains(against))
    })
}

/// Whether the text contains these words. A number must not be part of a longer one.
fn contains(text: &str, words: &str) -> bool {
    let (text, words) = (text.to_lowercase(), words.to_lowercase());
    let is_number = words.bytes().all(|byte| byte.is_ascii_digit());
    text.match_indices(&words).any(|(start, found)| {
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let before = start.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        let after = text.as_bytes().get(start + found.len());
        !is_number || !(is_digit(before) || is_digit(after))
    })
}

fn with_pids(mention: &str, cast: &Cast) -> String {
    cast.iter()
        .fold(mention.to_owned(), |mention, (role, pid)| {
            mention.replace(&format!("{{{role}}}"), &pid.to_string())
        })
}

fn strings(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::String(text) => lines.push(text.clone()),
        Value::Number(number) => lines.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, lines)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, lines)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expectation(rest: &str) -> Expectation {
        serde_saphyr::from_str(&format!("of: app\n{rest}")).unwrap()
    }

    fn answer(id: &str, confidence: &str, remedy: &str) -> Answer {
        let verdict = json!({"id": id, "confidence": confidence, "remedy": remedy});
        Answer::of(json!({"process": {"pid": 7}, "verdict": verdict}))
    }

    fn before(rest: &str, answer: &Answer) -> Vec<String> {
        let cast = [("app".to_owned(), 7), ("orphan".to_owned(), 41)].into();
        faults(&expectation(rest), &cast, answer, When::Before)
    }

    #[test]
    fn only_the_allowed_verdicts_are_true_and_only_with_their_confidence() {
        let rest = "in: culprits\nverdict: [blocked, never guess]";
        assert!(before(rest, &answer("blocked", "certain", "")).is_empty());
        assert!(before(rest, &answer("never", "guess", "")).is_empty());
        assert_eq!(
            before(rest, &answer("never", "likely", "")),
            ["never likely"]
        );
        assert_eq!(before(rest, &Answer::default()), ["none "]);
    }

    #[test]
    fn a_later_agent_may_be_less_confident_but_must_not_disagree() {
        let expected = expectation("in: culprits\nverdict: [a, b]\nlater: [c, none]");
        let fault = |first: &Answer, later: &Answer| {
            faults(&expected, &Cast::new(), later, When::After(first)).join("")
        };
        let first = answer("a", "likely", "");
        assert_eq!(fault(&first, &answer("a", "certain", "")), "");
        assert_eq!(fault(&first, &answer("c", "guess", "")), "");
        assert_eq!(fault(&first, &Answer::default()), "");
        assert!(fault(&first, &answer("c", "likely", "")).contains("not less"));
        assert!(fault(&first, &answer("b", "guess", "")).contains("a before"));
    }

    #[test]
    fn an_agent_that_started_later_may_be_the_only_one_that_is_right() {
        let expected = expectation("in: culprits\nverdict: [a]");
        let (wrong, right) = (answer("x", "likely", ""), answer("a", "likely", ""));
        let of = |answer| faults(&expected, &Cast::new(), answer, When::After(&wrong));
        assert!(of(&right).is_empty());
        assert_eq!(of(&wrong), ["x likely"]);
    }

    #[test]
    fn required_phrases_are_searched_with_pids() {
        let rest = "in: culprits\nmentions: ['{orphan} | nobody', pipe]";
        assert!(before(rest, &answer("a", "likely", "end 41, which has the pipe")).is_empty());
        let faults = before(rest, &answer("a", "likely", "end 414 with the PIPE"));
        assert_eq!(faults, ["does not mention 41 | nobody"]);
    }

    #[test]
    fn advice_against_something_is_not_advice_to_do_it() {
        let rest = "in: culprits\nnever_advises: ['waitpid(-1']";
        let with = |remedy| before(rest, &answer("a", "likely", remedy)).len();
        assert_eq!(with("loop on waitpid(-1, WNOHANG) until it finds none"), 1);
        assert_eq!(with("wait by PID. waitpid(-1) would steal statuses"), 0);
        assert_eq!(with("wait by PID; do not call waitpid(-1)"), 0);
        assert_eq!(with("do not restart it; call waitpid(-1)"), 1);
    }

    #[test]
    fn a_healthy_program_must_not_be_accused() {
        let rest = "in: nowhere";
        assert!(before(rest, &Answer::default()).is_empty());
        assert_eq!(before(rest, &answer("never_waits", "guess", "")).len(), 1);
    }

    #[test]
    fn fields_of_a_document_are_compared() {
        let rest = "in: explain\nfields: {/process/pid: 7, /killer/by: parent_death}";
        let faults = before(rest, &answer("a", "guess", ""));
        assert_eq!(faults, ["/killer/by is null, not \"parent_death\""]);
    }

    #[test]
    fn certain_but_wrong_is_distinguished_from_wrong() {
        let expected = expectation("in: culprits\nverdict: [a]");
        let is = |id, confidence| {
            is_certainly_wrong(&expected, &answer(id, confidence, ""), When::Before)
        };
        assert_eq!((is("b", "certain"), is("b", "likely")), (true, false));
        assert!(!is("a", "certain"));
    }
}
