//! Compares the lacks listed in `kernels.json` with the tests that the machines skipped.

use super::kernels::Kernel;
use super::serial::{TestResult, Verdict};

/// A kernel and its verdicts.
pub(super) type KernelResult<'a> = (&'a Kernel, &'a [Verdict]);

/// Each skip that kernels.json does not list, and each listed one that did not happen.
pub(super) fn unexpected((kernel, verdicts): KernelResult<'_>) -> Vec<String> {
    let expected = |test: &str| kernel.lacks.iter().any(|lacking| lacking == test);
    let mut unexpected = Vec::new();
    for Verdict { hook, test, result } in verdicts {
        let why = match result {
            TestResult::Skipped(why) if !expected(test) => format!("skipped, unexpected: {why}"),
            TestResult::Passed | TestResult::Failed(_) if expected(test) => {
                "ran, but kernels.json lists it as lacking".to_owned()
            }
            _ => continue,
        };
        unexpected.push(format!("{} {hook} {test}: {why}", kernel.name));
    }
    let has_verdict = |test: &String| verdicts.iter().any(|verdict| verdict.test == *test);
    let silent = kernel
        .lacks
        .iter()
        .filter(|test| kernel.only_in_full.is_none() && !has_verdict(test));
    unexpected.extend(silent.map(|test| {
        let name = &kernel.name;
        format!("{name} {test}: no such test, but kernels.json lists it as lacking")
    }));
    unexpected
}

/// A line for each skipped test: where and why, and which kernels ran it.
pub(super) fn lines(all: &[KernelResult<'_>]) -> Vec<String> {
    let mut skipped: Vec<(&str, &str)> = Vec::new();
    for verdict in all.iter().flat_map(|(_, verdicts)| *verdicts) {
        let TestResult::Skipped(why) = &verdict.result else {
            continue;
        };
        if !skipped.iter().any(|(test, _)| *test == verdict.test) {
            skipped.push((&verdict.test, why));
        }
    }
    let line = |(test, why): (&str, &str)| {
        let lacking = names(all, test, |end| matches!(end, TestResult::Skipped(_)));
        let passed = match names(all, test, |end| *end == TestResult::Passed).as_str() {
            "" => "passed on none of these kernels".to_owned(),
            names => format!("passed on {names}"),
        };
        format!("SKIPPED {test}: on {lacking}: {why}; {passed}")
    };
    skipped.into_iter().map(line).collect()
}

/// Tests that no kernel of the matrix could run.
pub(super) fn run_nowhere(all: &[KernelResult<'_>]) -> Vec<String> {
    let mut tests: Vec<&str> = all
        .iter()
        .flat_map(|(kernel, _)| &kernel.lacks)
        .map(String::as_str)
        .collect();
    tests.sort_unstable();
    tests.dedup();
    let nowhere =
        |test: &&str| names(all, test, |end| !matches!(end, TestResult::Skipped(_))).is_empty();
    let tests = tests.into_iter().filter(nowhere);
    tests
        .map(|test| format!("{test}: no kernel of the matrix can run it"))
        .collect()
}

/// The kernels on which the test had such a result.
fn names(all: &[KernelResult<'_>], test: &str, such: impl Fn(&TestResult) -> bool) -> String {
    let has = |verdicts: &[Verdict]| {
        let mut verdicts = verdicts.iter();
        verdicts.any(|verdict| verdict.test == test && such(&verdict.result))
    };
    let those = all.iter().filter(|(_, verdicts)| has(verdicts));
    let names: Vec<_> = those.map(|(kernel, _)| kernel.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(name: &str, lacks: &[&str]) -> Kernel {
        let fields = serde_json::json!({
            "name": name, "package": "", "version": "", "suite": "", "sha256": "",
            "lacks": lacks,
        });
        serde_json::from_value(fields).unwrap()
    }

    fn verdict(test: &str, result: TestResult) -> Verdict {
        Verdict {
            hook: "fentry".to_owned(),
            test: test.to_owned(),
            result,
        }
    }

    fn skip() -> TestResult {
        TestResult::Skipped("why".to_owned())
    }

    #[test]
    fn unexpected_skips_and_runs_are_reported() {
        let (old, new) = (kernel("5.10", &["a", "b"]), kernel("7.3", &[]));
        let (skipped, passed) = ([verdict("a", skip())], [verdict("a", TestResult::Passed)]);
        let found = unexpected((&old, &skipped));
        assert!(
            found.len() == 1 && found[0].starts_with("5.10 b: no such test"),
            "{found:?}"
        );
        let found = unexpected((&old, &passed));
        assert!(found[0].starts_with("5.10 fentry a: ran"), "{found:?}");
        assert_eq!(unexpected((&new, &passed)), [""; 0]);
        assert_eq!(
            unexpected((&new, &skipped)),
            ["7.3 fentry a: skipped, unexpected: why"]
        );
    }

    #[test]
    fn a_skipped_test_is_listed_with_the_kernels_that_ran_it() {
        let (old, new) = (kernel("5.10", &["a"]), kernel("7.3", &[]));
        let (skipped, passed) = ([verdict("a", skip())], [verdict("a", TestResult::Passed)]);
        let both = [(&old, skipped.as_slice()), (&new, passed.as_slice())];
        assert_eq!(lines(&both), ["SKIPPED a: on 5.10: why; passed on 7.3"]);
        assert_eq!(run_nowhere(&both), [""; 0]);
        assert_eq!(
            run_nowhere(&both[..1]),
            ["a: no kernel of the matrix can run it"]
        );
    }
}
