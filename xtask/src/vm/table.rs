//! The matrix as a table: kernel × hook × test.

use super::serial::Verdict;

/// A letter a hook, where the test passed.
const HOOKS: [(&str, char); 3] = [("fentry", 'f'), ("kprobe", 'k'), ("tracepoint", 't')];

/// Of tests that take the best hook they find.
const ANY: (&str, char) = ("any", 'a');

/// One column: a kernel and its verdicts.
pub(super) type Column<'a> = (&'a str, &'a [Verdict]);

/// A row a test, in the order of the first kernel that has it.
pub(super) fn render(columns: &[Column<'_>]) -> String {
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
    let names = columns.iter().map(|(kernel, _)| (*kernel).to_owned());
    let mut rows = vec![row("", names.collect())];
    for test in tests {
        let cells = columns.iter().map(|(_, verdicts)| cell(verdicts, test));
        rows.push(row(test, cells.collect()));
    }
    rows.push(
        "(f, k, t, a: true by fentry, kprobe, tracepoint, any of them; X: not; -: no verdict)"
            .to_owned(),
    );
    rows.join("\n")
}

fn cell(verdicts: &[Verdict], test: &str) -> String {
    let letter = |(hook, letter): (&str, char)| {
        let found = verdicts
            .iter()
            .find(|verdict| verdict.test == test && verdict.hook == hook);
        match found {
            None => '-',
            Some(Verdict { failed: None, .. }) => letter,
            Some(_) => 'X',
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

    #[test]
    fn what_failed_and_what_is_missing_show() {
        let verdict = |hook: &str, failed: bool| Verdict {
            hook: hook.to_owned(),
            test: "vfork".to_owned(),
            failed: failed.then(|| "why".to_owned()),
        };
        let some = [verdict("fentry", false), verdict("kprobe", true)];
        let text = render(&[("5.10", &some), ("6.1", &[])]);
        assert!(text.contains("vfork                fX-   ---\n"), "{text}");
        let any = [verdict("any", false)];
        let text = render(&[("5.10", &any)]);
        assert!(text.contains("vfork                a\n"), "{text}");
    }
}
