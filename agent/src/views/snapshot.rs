//! Whole outputs of each command, in one file of `snapshots/`. `REAPWATCH_BLESS=1` writes them,
//! so that a change of wording is a change of these files and of no test.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Tests run side by side, and those of one command share a file.
static FILES: Mutex<()> = Mutex::new(());

/// Asserts that a command prints this text in this case.
#[track_caller]
pub(crate) fn check(command: &str, case: &str, text: &str) {
    let _one_at_a_time = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let path = folder.join(format!("{command}.txt"));
    let file = fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("REAPWATCH_BLESS").is_some() {
        fs::create_dir_all(&folder).expect("the directory can be created");
        fs::write(&path, with(&file, case, text)).expect("the snapshot can be written");
        return;
    }
    assert_eq!(
        sections(&file).find(|it| it.0 == case).map(|it| it.1),
        Some(text),
        "{command}: {case} changed; if that is right, run this test with REAPWATCH_BLESS=1"
    );
}

/// Each case with its text. A line `=== case` begins one.
fn sections(file: &str) -> impl Iterator<Item = (&str, &str)> {
    let sections = file.split("=== ").skip(1);
    sections.filter_map(|section| section.split_once('\n'))
}

/// The file with one case replaced or added, in the order of their names.
fn with(file: &str, case: &str, text: &str) -> String {
    let others = sections(file).filter(|it| it.0 != case);
    let mut all: Vec<_> = others.chain([(case, text)]).collect();
    all.sort_unstable();
    let lines = all
        .into_iter()
        .map(|(case, text)| format!("=== {case}\n{text}"));
    lines.collect()
}
