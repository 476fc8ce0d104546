//! `docs/verdicts.md`, written from the rules themselves.

use std::fmt::Write;
use std::path::Path;

use super::examples::examples;
use super::{RULES, Verdict, judge};
use crate::stuck::rules as stuck;

const HEAD: &str = "\
# Verdicts

Generated from the rules by `REAPWATCH_BLESS=1 cargo test -p reapwatch verdict::`; do not edit.

A verdict explains why a process does not reap its zombies, or why a process that should have exited \
is still there. It has an id that never changes, a summary, evidence, a remedy and a confidence:

| confidence | means |
|---|---|
| `certain` | the kernel allows no other explanation |
| `likely` | it was observed; only something unusual could make it wrong |
| `guess` | it fits the evidence, but so do other explanations; look again later |

Rules are tried in the order below, and the first that applies decides. A parent that cannot run is \
therefore reported as such, however it treats its children otherwise. Each example is the verdict \
on a process `app` with PID 100.
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Why zombies are not reaped\n");
    for (id, evidence) in examples() {
        let rule = RULES.iter().find(|rule| rule.id == id);
        let meaning = rule.map_or("", |rule| rule.meaning);
        let verdict = judge(&evidence).expect("an example has a verdict");
        section(&mut text, meaning, &verdict);
    }
    text.push_str("\n## Why processes do not die\n");
    for ((id, meaning), evidence) in stuck::meanings().zip(stuck::examples::examples()) {
        let verdict = stuck::judge(&evidence).expect("an example has a verdict");
        assert_eq!(verdict.id, id);
        section(&mut text, meaning, &verdict);
    }
    text
}

fn section(text: &mut String, meaning: &str, verdict: &Verdict) {
    let facts = verdict.evidence.join("\n- ");
    write!(
        text,
        "\n### `{}`\n\n{meaning}\n\nExample ({}): {}.\n\n- {facts}\n\nRemedy: {}.\n",
        verdict.id, verdict.confidence, verdict.summary, verdict.remedy
    )
    .expect("to a string");
}

#[test]
fn the_verdicts_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verdicts.md");
    let document = document();
    if std::env::var_os("REAPWATCH_BLESS").is_some() {
        std::fs::write(&path, &document).expect("docs/verdicts.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == document,
        "docs/verdicts.md is out of date: run this test with REAPWATCH_BLESS=1"
    );
}
