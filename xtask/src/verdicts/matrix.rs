//! The confusion matrix of the scenarios: the true verdict against the verdict of the agent.
//!
//! The live tests run an agent beside the culprits and print a line for each verdict. This runs them
//! and counts their lines.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::{host, shell, statics};

/// The tests that print these lines.
const TESTS: [&str; 5] = [
    "culprits::each_culprit_has_its_verdict",
    "culprits::each_culprit_has_its_verdict_beside_all_others",
    "culprits::parents_of_young_zombies_are_not_culprits",
    "stuck::each_stuck_process_has_its_verdict",
    "explain::a_process_without_its_first_thread_is_alive_and_not_a_culprit",
];

/// Verdicts without a scenario on this machine, and where they are tested instead.
const MADE_ELSEWHERE: [(&str, &str); 2] = [
    (
        "dumping_core",
        "by `cargo xtask vm`, since it sets core_pattern",
    ),
    (
        "forked_before_exec",
        "by `cargo xtask verdicts --real`, since it takes two programs",
    ),
];

/// The verdicts that the tests printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Matrix {
    /// All verdict ids.
    ids: Vec<String>,
    /// For each true verdict and scenario, how often each verdict was given.
    rows: BTreeMap<(String, String), BTreeMap<String, u32>>,
}

/// `cargo xtask verdicts` without options.
pub(super) fn main() -> Result<ExitCode> {
    if let Some(lack) = host::no_probes() {
        bail!("cannot ask for verdicts: {lack}");
    }
    let mut cargo = statics::cargo_for_tests("test");
    cargo
        .args(["--test", "live", "--"])
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .args(TESTS);
    let name = shell::display(&cargo);
    let mut tests = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("run `{name}`"))?;
    let output = BufReader::new(tests.stdout.take().context("its output is piped")?);
    let mut matrix = Matrix::default();
    for line in output.lines() {
        let line = line.with_context(|| format!("read the output of `{name}`"))?;
        matrix.read(&line);
    }
    let passed = tests.wait().with_context(|| format!("run `{name}`"))?;
    println!("\n{}\n{}", host::describe(), matrix.render());
    let faults = matrix.faults();
    for fault in &faults {
        println!("{fault}");
    }
    let fine = passed.success() && faults.is_empty();
    println!(
        "verdicts: {}",
        if fine { "all right" } else { "NOT all right" }
    );
    Ok(ExitCode::from(u8::from(!fine)))
}

impl Matrix {
    fn read(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        match words.as_slice() {
            [key, id] if key == "RW-VERDICT-ID" => self.ids.push(id.clone()),
            [key, _, scenario, truth, given] if key == "RW-VERDICT" => {
                let row = (truth.clone(), scenario.clone());
                let given = self.rows.entry(row).or_default().entry(given.clone());
                *given.or_default() += 1;
            }
            _ => {}
        }
    }

    /// Wrong and missing verdicts.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.ids.is_empty() || self.rows.is_empty() {
            faults.push("no verdicts were printed".to_owned());
        }
        for ((truth, scenario), given) in &self.rows {
            for (wrong, times) in given.iter().filter(|(given, _)| *given != truth) {
                faults.push(format!(
                    "{scenario}: {truth} was reported as {wrong} {times} times"
                ));
            }
        }
        for id in &self.ids {
            let made = self.rows.keys().any(|(truth, _)| truth == id);
            let elsewhere = MADE_ELSEWHERE.iter().any(|(only, _)| only == id);
            if !made && !elsewhere {
                faults.push(format!("{id}: no scenario has this verdict"));
            }
        }
        faults
    }

    /// A row for each scenario, a column for each verdict, and how often it was given.
    fn render(&self) -> String {
        let given = self.rows.values().flat_map(BTreeMap::keys);
        let mut columns: Vec<&String> = self.ids.iter().collect();
        columns.extend(given.filter(|given| !self.ids.contains(given)));
        columns.sort_unstable();
        columns.dedup();
        let letters: Vec<char> = ('A'..='Z').chain('a'..='z').collect();
        let letter = |column: usize| letters.get(column).copied().unwrap_or('?');
        let heads = (0..columns.len()).map(|column| format!(" {}", letter(column)));
        let mut lines = vec![format!(
            "{:28} {:24}{}",
            "true",
            "scenario",
            heads.collect::<String>()
        )];
        for ((truth, scenario), given) in &self.rows {
            let cells = columns.iter().map(|column| match given.get(*column) {
                None => " .".to_owned(),
                Some(times) => format!(" {times}"),
            });
            let place = columns.iter().position(|column| *column == truth);
            let head = format!("{} {truth}", place.map_or('?', letter));
            let cells: String = cells.collect();
            lines.push(format!("{head:28} {scenario:24}{cells}"));
        }
        for (id, why) in MADE_ELSEWHERE {
            lines.push(format!("{id:28} (tested {why})"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(lines: &str) -> Matrix {
        let mut matrix = Matrix::default();
        lines.lines().for_each(|line| matrix.read(line));
        matrix
    }

    #[test]
    fn a_matrix_with_only_a_diagonal_has_no_faults() {
        let matrix = matrix(
            "RW-VERDICT-ID b\nRW-VERDICT-ID a\ntest x ... RW\nRW-VERDICT alone one a a\n\
             RW-VERDICT alone two b b\nRW-VERDICT together two b b\n",
        );
        let rows: Vec<_> = matrix
            .render()
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            rows[..3],
            ["true scenario A B", "A a one 1 .", "B b two . 2"]
        );
        let elsewhere = rows[3..].iter().zip(MADE_ELSEWHERE);
        assert_eq!(rows.len(), 3 + MADE_ELSEWHERE.len());
        for (row, (id, _)) in elsewhere {
            assert!(row.starts_with(id), "{row}");
        }
        assert_eq!(matrix.faults(), [""; 0]);
    }

    #[test]
    fn wrong_missing_and_unexpected_verdicts_are_faults() {
        let wrong = matrix("RW-VERDICT-ID a\nRW-VERDICT-ID b\nRW-VERDICT alone one a none\n");
        assert_eq!(
            wrong.faults(),
            [
                "one: a was reported as none 1 times",
                "b: no scenario has this verdict"
            ]
        );
        assert_eq!(matrix("").faults(), ["no verdicts were printed"]);
    }
}
