use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "reaped_late_total",
    help: "Processes that were reaped only after they had been zombies for longer than the stale \
           threshold. Without those of which only an upper bound of the reap is known.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.reaped_late as f64);
        }
    }),
};
