//! Prints the results as a table: kernel × hook × test.

use super::lacks::KernelResult;
use super::serial::{TestResult, Verdict};

/// The letter of a hook with which a test passed.
const HOOKS: [(&str, char); 3] = [("fentry", 'f'), ("kprobe", 'k'), ("tracepoint", 't')];

/// The letter of tests that use the best hook available.
const ANY: (&str, char) = ("any", 'a');

/// A row for each test, in the order of the first kernel that has it.
pub(super) fn render(columns: &[KernelResult<'_>]) -> String {
    let mut tests: Vec<&str> = Vec::new();
    for verdict in columns.iter().flat_map(|(_, verdicts)| *verdicts) {
        if !tests.contains(&verdict.test.as_str()) {
            tests.push(&verdict.test);
        }
    }
    let row = |head: &str, cells: Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:5}")).collect();
        format!("{head:20} {}", cells.join(" "))
            .trim_end()
            .to_owned()
    };
    let names = columns.iter().map(|(kernel, _)| kernel.name.clone());
    let mut rows = vec![row("", names.collect())];
    for test in tests {
        let cells = columns.iter().map(|(_, verdicts)| cell(verdicts, test));
        rows.push(row(test, cells.collect()));
    }
    rows.push(
        "(f, k, t, a: passed with fentry, kprobe, tracepoint, the best available; X: failed; \
         s: skipped, not supported by the kernel; -: no result)"
            .to_owned(),
    );
    rows.join("\n")
}

fn cell(verdicts: &[Verdict], test: &str) -> String {
    let letter = |(hook, letter): (&str, char)| {
        let found = verdicts
            .iter()
            .find(|verdict| verdict.test == test && verdict.hook == hook);
        match found.map(|verdict| &verdict.result) {
            None => '-',
            Some(TestResult::Passed) => letter,
            Some(TestResult::Failed(_)) => 'X',
            Some(TestResult::Skipped(_)) => 's',
        }
    };
    match letter(ANY) {
        '-' => HOOKS.map(letter).iter().collect(),
        any => any.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::vm::kernels::choose;

    #[test]
    fn failed_and_missing_tests_are_listed() {
        let verdict = |hook: &str, result| Verdict {
            hook: hook.to_owned(),
            test: "vfork".to_owned(),
            result,
        };
        let some = [
            verdict("fentry", TestResult::Passed),
            verdict("kprobe", TestResult::Failed("why".to_owned())),
        ];
        let skipped = [verdict("fentry", TestResult::Skipped("why".to_owned()))];
        let kernels = choose(Arch::Amd64, &["5.10".to_owned(), "6.1".to_owned()], false).unwrap();
        let text = render(&[(&kernels[0], &some), (&kernels[1], &skipped)]);
        assert!(text.contains("vfork                fX-   s--\n"), "{text}");
        let any = [verdict("any", TestResult::Passed)];
        let text = render(&[(&kernels[0], &any)]);
        assert!(text.contains("vfork                a\n"), "{text}");
    }
}
