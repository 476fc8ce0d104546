//! Our rules with shorter times, so that minutes become seconds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// The factor.
pub(super) const FACTOR: u64 = 30;
/// The shortest time in seconds: long enough for some scrapes.
const LEAST: u64 = 1;
const NAMES: [&str; 2] = ["recording", "alerts"];

/// Writes the files into this folder; their paths.
pub(super) fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    let one = |name: &str| {
        let file = format!("{name}.yaml");
        let rules = workspace::root().join("dashboards/rules").join(&file);
        let text = fs::read_to_string(&rules).with_context(|| format!("read {file}"))?;
        let copy = folder.join(file);
        fs::write(&copy, shorter(&text)).context("write rules")?;
        Ok(copy)
    };
    NAMES.into_iter().map(one).collect()
}

/// Shortens ranges in brackets, and the times after `for:` and `interval:`.
fn shorter(rules: &str) -> String {
    let lines = rules.lines().map(|line| {
        let key = ["for: ", "interval: "].into_iter().find_map(|key| {
            let at = line.find(key)?;
            line[..at].trim().is_empty().then_some(at + key.len())
        });
        match key.and_then(|at| Some((&line[..at], seconds(&line[at..])?))) {
            Some((key, seconds)) => format!("{key}{}s\n", divided(seconds)),
            None => ranges(line) + "\n",
        }
    });
    lines.collect()
}

fn ranges(line: &str) -> String {
    let mut parts = line.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let range = part.split_once(']');
        match range.and_then(|(range, rest)| Some((seconds(range)?, rest))) {
            Some((seconds, rest)) => text.extend(["[", &divided(seconds).to_string(), "s]", rest]),
            None => text.extend(["[", part]),
        }
    }
    text
}

fn divided(seconds: u64) -> u64 {
    (seconds / FACTOR).max(LEAST)
}

/// The seconds of a time with one unit.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    Some(text[..text.len() - 1].parse::<u64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_times_are_shorter_and_nothing_else_changes() {
        let rules = "  - name: a\n    interval: 30s\n    rules:\n      \
                     - expr: deriv(x[15m]) > 0 and predict_linear(x[1h], 4 * 3600) > y[z]\n        for: 5m\n        \
                     description: Ask it, for: 5m or [more].\n";
        let expected = "  - name: a\n    interval: 1s\n    rules:\n      \
                        - expr: deriv(x[30s]) > 0 and predict_linear(x[120s], 4 * 3600) > y[z]\n        for: 10s\n        \
                        description: Ask it, for: 5m or [more].\n";
        assert_eq!(shorter(rules), expected);
    }
}
