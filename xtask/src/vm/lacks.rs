//! What kernels lack: said by the matrix, found by the machines, and the two compared.

use super::kernels::Kernel;
use super::serial::{CameTo, Verdict};

/// A kernel and the verdicts that came from it.
pub(super) type Told<'a> = (&'a Kernel, &'a [Verdict]);

/// In words, each skip that the matrix does not expect, and each that it expects and that did
/// not come.
pub(super) fn surprises((kernel, verdicts): Told<'_>) -> Vec<String> {
    let expected = |test: &str| kernel.lacks.iter().any(|lacking| lacking == test);
    let mut surprises = Vec::new();
    for Verdict {
        hook,
        test,
        came_to,
    } in verdicts
    {
        let why = match came_to {
            CameTo::Skipped(why) if !expected(test) => format!("skipped, unexpected: {why}"),
            CameTo::Passed | CameTo::Failed(_) if expected(test) => {
                "was played, though kernels.json says that this kernel lacks it".to_owned()
            }
            _ => continue,
        };
        surprises.push(format!("{} {hook} {test}: {why}", kernel.name));
    }
    let told = |test: &String| verdicts.iter().any(|verdict| verdict.test == *test);
    let silent = kernel
        .lacks
        .iter()
        .filter(|test| !kernel.deaths_alone && !told(test));
    surprises.extend(silent.map(|test| {
        let name = &kernel.name;
        format!("{name} {test}: no such test, though kernels.json says that it is lacked")
    }));
    surprises
}

/// A line for each test that was skipped: where and why, and which kernels played it.
pub(super) fn lines(all: &[Told<'_>]) -> Vec<String> {
    let mut skipped: Vec<(&str, &str)> = Vec::new();
    for verdict in all.iter().flat_map(|(_, verdicts)| *verdicts) {
        let CameTo::Skipped(why) = &verdict.came_to else {
            continue;
        };
        if !skipped.iter().any(|(test, _)| *test == verdict.test) {
            skipped.push((&verdict.test, why));
        }
    }
    let line = |(test, why): (&str, &str)| {
        let lacking = names(all, test, |end| matches!(end, CameTo::Skipped(_)));
        let passed = match names(all, test, |end| *end == CameTo::Passed).as_str() {
            "" => "true on none of these kernels".to_owned(),
            names => format!("true on {names}"),
        };
        format!("SKIPPED {test}: on {lacking}: {why}; {passed}")
    };
    skipped.into_iter().map(line).collect()
}

/// Tests that no kernel could play: of the whole matrix, one at least should.
pub(super) fn played_nowhere(all: &[Told<'_>]) -> Vec<String> {
    let mut tests: Vec<&str> = all
        .iter()
        .flat_map(|(kernel, _)| &kernel.lacks)
        .map(String::as_str)
        .collect();
    tests.sort_unstable();
    tests.dedup();
    let nowhere =
        |test: &&str| names(all, test, |end| !matches!(end, CameTo::Skipped(_))).is_empty();
    let tests = tests.into_iter().filter(nowhere);
    tests
        .map(|test| format!("{test}: no kernel of the matrix can play it"))
        .collect()
}

/// The kernels on which the test came to such an end.
fn names(all: &[Told<'_>], test: &str, such: impl Fn(&CameTo) -> bool) -> String {
    let has = |verdicts: &[Verdict]| {
        let mut verdicts = verdicts.iter();
        verdicts.any(|verdict| verdict.test == test && such(&verdict.came_to))
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

    fn verdict(test: &str, came_to: CameTo) -> Verdict {
        Verdict {
            hook: "fentry".to_owned(),
            test: test.to_owned(),
            came_to,
        }
    }

    fn skip() -> CameTo {
        CameTo::Skipped("why".to_owned())
    }

    #[test]
    fn only_what_is_expected_is_no_surprise() {
        let (old, new) = (kernel("5.10", &["a", "b"]), kernel("7.3", &[]));
        let (skipped, passed) = ([verdict("a", skip())], [verdict("a", CameTo::Passed)]);
        let found = surprises((&old, &skipped));
        assert!(
            found.len() == 1 && found[0].starts_with("5.10 b: no such test"),
            "{found:?}"
        );
        let found = surprises((&old, &passed));
        assert!(
            found[0].starts_with("5.10 fentry a: was played"),
            "{found:?}"
        );
        assert_eq!(surprises((&new, &passed)), [""; 0]);
        assert_eq!(
            surprises((&new, &skipped)),
            ["7.3 fentry a: skipped, unexpected: why"]
        );
    }

    #[test]
    fn a_skip_is_told_with_where_it_was_played() {
        let (old, new) = (kernel("5.10", &["a"]), kernel("7.3", &[]));
        let (skipped, passed) = ([verdict("a", skip())], [verdict("a", CameTo::Passed)]);
        let both = [(&old, skipped.as_slice()), (&new, passed.as_slice())];
        assert_eq!(lines(&both), ["SKIPPED a: on 5.10: why; true on 7.3"]);
        assert_eq!(played_nowhere(&both), [""; 0]);
        assert_eq!(
            played_nowhere(&both[..1]),
            ["a: no kernel of the matrix can play it"]
        );
    }
}
