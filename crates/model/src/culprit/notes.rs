//! What an answer lacks because of missing privileges, once for all of its items.

use std::collections::BTreeMap;

/// It permits far more than reading kernel stacks, so that even root's agent drops it.
const NOT_KEPT: &str = "CAP_SYS_ADMIN";

/// The notes for what could not be read of each item, such as `/proc/42/stack needs CAP_SYS_ADMIN`.
pub(super) fn notes<'a>(unreadable: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut files = BTreeMap::<&str, Vec<String>>::new();
    let mut others = Vec::new();
    for text in unreadable {
        if let Some((file, needs)) = text.split_once(" needs ") {
            let files = files.entry(needs).or_default();
            let file = of_any_process(file.trim_start_matches("reading "));
            if !files.contains(&file) {
                files.push(file);
            }
        } else if !others.iter().any(|it| it == text) {
            others.push(text.to_owned());
        }
    }
    let needs = files.into_iter().map(|(needs, files)| {
        let files = files.join(", ");
        let kept = if needs == NOT_KEPT {
            ", which reapwatch does not keep"
        } else {
            ""
        };
        format!(
            "verdicts rest on less evidence: {files} could not be read, which needs {needs}{kept}"
        )
    });
    needs.chain(others).collect()
}

/// `/proc/PID/task/TID/stack` for `/proc/42/task/43/stack`.
fn of_any_process(file: &str) -> String {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let parts: Vec<_> = file.split('/').collect();
    let named = parts.iter().enumerate().map(|(n, part)| {
        let before = n.checked_sub(1).map(|before| parts[before]);
        match before {
            Some("proc") if number(part) => "PID",
            Some("task") if number(part) => "TID",
            _ => part,
        }
    });
    named.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_privilege_is_named_once_with_what_it_would_show() {
        let notes = notes([
            "/proc/42/stack needs CAP_SYS_ADMIN",
            "/proc/43/task/44/stack needs CAP_SYS_ADMIN",
            "/proc/45/stack needs CAP_SYS_ADMIN",
            "reading /proc/42/fd needs CAP_SYS_PTRACE",
        ]);
        assert_eq!(notes.len(), 2, "{notes:?}");
        for (note, capability, files) in [
            (
                &notes[0],
                "CAP_SYS_ADMIN",
                &["/proc/PID/stack", "/proc/PID/task/TID/stack"][..],
            ),
            (&notes[1], "CAP_SYS_PTRACE", &["/proc/PID/fd"]),
        ] {
            assert!(note.contains(capability), "{note}");
            for file in files {
                assert_eq!(
                    note.matches(&format!("{file} ")).count()
                        + note.matches(&format!("{file},")).count(),
                    1,
                    "{file} in {note}"
                );
            }
        }
    }

    #[test]
    fn no_note_without_an_unreadable_file() {
        assert!(notes([]).is_empty());
    }
}
