//! The rows of the table: one file for those that share a measurement.

mod idle;
mod kernel;
mod maximum;
mod overhead;
mod paced;
mod scrape;
mod start;

use anyhow::{Result, ensure};

use super::sheet::Sheet;
use super::stage::Stage;

/// Rows that are measured together.
pub(super) struct Rows {
    /// For `--only`.
    pub(super) name: &'static str,
    /// Measures each row once. The number of the round changes the order of subjects.
    pub(super) measure: fn(&Stage, round: usize, &mut Sheet) -> Result<()>,
}

const ALL: &[&Rows] = &[
    &kernel::ROWS,
    &overhead::ROWS,
    &paced::ROWS,
    &maximum::ROWS,
    &idle::ROWS,
    &scrape::ROWS,
    &start::ROWS,
];

/// Those of these names, or all.
pub(super) fn chosen(names: &[String]) -> Result<Vec<&'static Rows>> {
    let is_known = |name: &&String| !ALL.iter().any(|rows| rows.name == name.as_str());
    if let Some(unknown) = names.iter().find(is_known) {
        let known: Vec<_> = ALL.iter().map(|rows| rows.name).collect();
        anyhow::bail!("no rows `{unknown}`; there are {}", known.join(", "));
    }
    let is_chosen = |rows: &&&Rows| names.is_empty() || names.iter().any(|name| name == rows.name);
    let chosen: Vec<_> = ALL.iter().filter(is_chosen).copied().collect();
    ensure!(!chosen.is_empty(), "no rows are chosen");
    Ok(chosen)
}
