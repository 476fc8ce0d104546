//! What metrics are read from.

use std::collections::{BTreeMap, HashMap};

use super::groups::Counts;
use super::labels::Labels;
use super::sample::{Present, Sample};
use model::lifecycle::Correction;

/// The state at one moment.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    pub(super) sample: Sample,
    pub(super) groups: BTreeMap<Labels, Group>,
    pub(super) step_seconds: BTreeMap<&'static str, f64>,
    pub(super) corrections: HashMap<Correction, u64>,
}

/// The counts of one group, and the current numbers of its workloads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) counts: Counts,
    pub(super) present: Present,
}
