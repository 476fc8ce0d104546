//! What was measured: the samples of each row, by subject.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// Its key in JSON; never changes.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    /// The agent's median should be at most this.
    pub(super) goal: Option<f64>,
    /// `--compare` accepts a median that is higher by this share …
    pub(super) tolerance: f64,
    /// … and by this much, in the row's unit.
    pub(super) slack: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unit {
    /// With the subject, divided by without it, in the same round.
    #[serde(rename = "ratio")]
    Ratio,
    #[serde(rename = "ns")]
    Nanoseconds,
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "% of a core")]
    Percent,
    #[serde(rename = "MB")]
    Megabytes,
    #[serde(rename = "KB")]
    Kilobytes,
    #[serde(rename = "per second")]
    PerSecond,
    #[serde(rename = "count")]
    Count,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Who {
    Agent,
    Exitsnoop,
    /// The minimal probe.
    Reference,
    /// The machine without any of them.
    Machine,
}

/// The samples of all rows, in the order of the first ones.
#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<(&'static Row, BTreeMap<Who, Vec<f64>>)>);

/// The median of a row's samples, with its quartiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) quartiles: [f64; 2],
    pub(super) samples: usize,
}

impl Sheet {
    pub(super) fn add(&mut self, row: &'static Row, who: Who, sample: f64) {
        let at = self.0.iter().position(|(it, _)| it.id == row.id);
        let at = at.unwrap_or_else(|| {
            self.0.push((row, BTreeMap::new()));
            self.0.len() - 1
        });
        self.0[at].1.entry(who).or_default().push(sample);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The spread of each row, by subject.
    pub(super) fn spreads(&self) -> impl Iterator<Item = (&'static Row, BTreeMap<Who, Spread>)> {
        let spread = |(who, samples): (&Who, &Vec<f64>)| (*who, Spread::of(samples));
        self.0
            .iter()
            .map(move |(row, of)| (*row, of.iter().map(spread).collect()))
    }
}

impl Spread {
    pub(super) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            quartiles: [0.25, 0.75].map(|q| quantile(&sorted, q)),
            samples: sorted.len(),
        }
    }
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Percent => "% of a core",
            Self::Megabytes => "MB",
            Self::Kilobytes => "KB",
            Self::PerSecond => "per second",
            Self::Count => "count",
        }
    }

    /// Whether values of different machines can be compared.
    pub(super) fn is_portable(self) -> bool {
        matches!(
            self,
            Self::Ratio | Self::Megabytes | Self::Kilobytes | Self::Count
        )
    }
}
