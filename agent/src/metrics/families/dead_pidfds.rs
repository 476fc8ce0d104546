use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "dead_pidfds",
    help: "Open pidfds of processes that have been reaped, by the workload of their holder. Only \
           with --dead-pidfds; a lower bound while the agent logs that it could not look at all \
           processes.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        if !scrape.sample.counts_dead_pidfds {
            return;
        }
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.dead_pidfds as f64);
        }
    }),
};
