//! Borders inside the agent that crates cannot express, the length of files, and the tests that
//! ARCHITECTURE.md names. Those between crates are held by cargo; that `model` is pure is held by
//! clippy (crates/model/clippy.toml).

use std::fs;
use std::path::{Path, PathBuf};

/// A foreign crate, and the folder of `agent/src` that alone may name it.
const OWNERS: [(&str, &str); 6] = [
    ("aya", "probes"),
    ("aya_log", "probes"),
    ("prometheus", "metrics"),
    ("prost", "host/cri"),
    ("ratatui", "views/top"),
    ("tonic", "host/cri"),
];
const LONGEST_FILE: usize = 500;
const LONGEST_ARCHITECTURE: usize = 120;

#[test]
fn a_foreign_crate_is_named_in_one_folder_only() {
    let root = workspace().join("agent/src");
    let mut strays = Vec::new();
    let mut seen = [false; OWNERS.len()];
    for file in sources(&root) {
        let text = code(&fs::read_to_string(&file).unwrap());
        for ((name, folder), seen) in OWNERS.iter().zip(&mut seen) {
            if names(&text, name) {
                *seen = true;
                if !file.starts_with(root.join(folder)) {
                    strays.push(format!("{}: {name}", file.display()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
    let unused: Vec<_> = OWNERS.iter().zip(seen).filter(|(_, seen)| !seen).collect();
    assert!(unused.is_empty(), "{unused:?} is not used");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = all_sources()
        .filter(|file| fs::read_to_string(file).unwrap().lines().count() > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines: {long:#?}");
}

#[test]
fn architecture_is_short_and_names_tests_that_exist() {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= LONGEST_ARCHITECTURE);
    let code: String = all_sources()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let missing: Vec<_> = text
        .split("eld by")
        .skip(1)
        .filter_map(|rest| rest.split([';', ')', '.']).next())
        .flat_map(|clause| clause.split('`').skip(1).step_by(2))
        .filter(|test| !code.contains(&format!("fn {test}(")))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

/// Whether the code has a path that begins with this crate.
fn names(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':')
            || code[..at].ends_with(" ::")
    })
}

/// Without comments.
fn code(text: &str) -> String {
    let lines = text.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

fn all_sources() -> impl Iterator<Item = PathBuf> {
    let folders = ["agent", "crates", "ebpf/src", "scenarios", "xtask/src"];
    let folders = folders.map(|folder| workspace().join(folder));
    folders.into_iter().flat_map(|folder| sources(&folder))
}

/// All `.rs` files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
