//! Parses the output of `cargo test` and `xtask vm`.

use super::suite::Counted;
use crate::tally::Tally;

/// What is repeated of failed tests at the end.
const LINES_OF_TESTS: usize = 80;
/// What is repeated of any other command that failed.
const LAST_LINES: usize = 15;

/// A test with an attribute `#[ignore = "reason"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) name: String,
    pub(super) reason: String,
}

/// Sums up the `test result:` lines. Ignored tests do not count: the caller of [`ignored`] runs them
/// or lists them as skipped.
pub(super) fn tally(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output
        .lines()
        .filter(|line| line.starts_with("test result: "))
    {
        tally.passed += number_before(line, " passed");
        tally.failed += number_before(line, " failed");
    }
    tally
}

/// Reads the last `vm: ` line. Its skipped tests do not count as skipped: `xtask vm` fails unless
/// each was expected and ran on another kernel.
pub(super) fn kernels(output: &str) -> Tally {
    let mut lines = output.lines().rev();
    let line = lines.find(|line| line.starts_with("vm: ") && line.contains(" passed, "));
    let line = line.unwrap_or_default();
    Tally {
        passed: number_before(line, " passed"),
        failed: number_before(line, " failed"),
        skipped: 0,
    }
}

/// The `SKIPPED` lines of the live tests and of `xtask vm`: what a kernel could not run.
pub(super) fn lacking(output: &str) -> Vec<String> {
    let lines = output.lines();
    lines
        .filter_map(|line| line.strip_prefix("SKIPPED ").map(str::to_owned))
        .collect()
}

/// Why a suite failed: what `cargo test` prints of failed tests, the failures of `xtask vm`, or the
/// last lines of another command.
pub(super) fn reasons(counted: Counted, output: &str) -> Vec<&str> {
    let told: Vec<_> = match counted {
        Counted::CargoTests => {
            let lines = output.lines().skip_while(|line| *line != "failures:");
            let lines = lines.filter(|line| !is_well(line) && !line.is_empty());
            lines.take(LINES_OF_TESTS).collect()
        }
        Counted::Kernels => {
            let paragraph = output.split("\n\n").nth(1).unwrap_or_default();
            paragraph.lines().collect()
        }
        Counted::AsOne => Vec::new(),
    };
    if !told.is_empty() {
        return told;
    }
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
}

/// Whether it is the line of a test that did not fail.
fn is_well(line: &str) -> bool {
    let is_passed = |line: &str| line.ends_with(" ok") || line.contains(" skip ");
    line.starts_with("test ") || line.starts_with("RW-TEST ") && is_passed(line)
}

/// The ignored tests, each with its reason.
pub(super) fn ignored(output: &str) -> Vec<Ignored> {
    let test = |line: &str| {
        let (name, reason) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
        let name = name.trim_end_matches(" - should panic");
        let reason = reason.strip_prefix(", ").unwrap_or("no reason given");
        Some(Ignored {
            name: name.to_owned(),
            reason: reason.to_owned(),
        })
    };
    output.lines().filter_map(test).collect()
}

fn number_before(line: &str, word: &str) -> u64 {
    let number = line
        .split(word)
        .next()
        .and_then(|start| start.split(' ').next_back());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
     Running unittests src/main.rs (target/debug/deps/reapwatch-0123456789abcdef)
running 3 tests
test events::tests::a ... ok
test kernel::tests::b ... ignored, needs root
test kernel::tests::c ... FAILED
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 2 tests
test d - should panic ... ignored
test e ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn result_lines_are_summed_up() {
        assert_eq!(
            tally(OUTPUT),
            Tally {
                passed: 13,
                failed: 1,
                skipped: 0
            }
        );
        assert_eq!(tally("error: could not compile"), Tally::default());
    }

    #[test]
    fn verdicts_of_the_kernels_are_counted() {
        let output = "5.10 x: 3 passed, 0 failed in 2 s\n\nvm: 12 passed, 3 failed, 9 skipped\nvm: all done\n";
        let expected = Tally {
            passed: 12,
            failed: 3,
            skipped: 0,
        };
        assert_eq!(kernels(output), expected);
        let output = "test a ... \nSKIPPED a: the flag (EINVAL)\nok\n";
        assert_eq!(lacking(output), ["a: the flag (EINVAL)"]);
    }

    #[test]
    fn the_reasons_of_a_failure_are_found() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n\
                      ---- b stdout ----\nRW-TEST c ok\nRW-TEST d FAIL why\n";
        let expected = ["failures:", "---- b stdout ----", "RW-TEST d FAIL why"];
        assert_eq!(reasons(Counted::CargoTests, output), expected);
        let output = "5.10 x: 3 passed, 1 failed\n\n5.10 x a: why\nfull log: f\n\n  5.10 6.1\n";
        assert_eq!(
            reasons(Counted::Kernels, output),
            ["5.10 x a: why", "full log: f"]
        );
        let output = "error: could not compile";
        for counted in [Counted::CargoTests, Counted::Kernels, Counted::AsOne] {
            assert_eq!(reasons(counted, output), [output]);
        }
    }

    #[test]
    fn ignored_tests_come_with_their_reasons() {
        let ignored = ignored(OUTPUT);
        let expected = [("kernel::tests::b", "needs root"), ("d", "no reason given")];
        assert_eq!(ignored.len(), 2);
        for (test, (name, reason)) in ignored.iter().zip(expected) {
            assert_eq!((test.name.as_str(), test.reason.as_str()), (name, reason));
        }
    }
}
