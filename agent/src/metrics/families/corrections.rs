use crate::metrics::metric::{Kind, Metric};
use model::lifecycle::Correction;

pub(super) const METRIC: Metric = Metric {
    name: "reconcile_corrections_total",
    help: "Corrections to the agent's process table after comparing it with a snapshot of all \
           processes, by kind.",
    labels: &["kind"],
    kind: Kind::Counter(|scrape, series| {
        for correction in Correction::ALL {
            let total = scrape.corrections.get(&correction).copied();
            series.with([correction.name()], total.unwrap_or_default() as f64);
        }
    }),
};
