use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "reaped_late_total",
    help: "Processes reaped after they had been zombies for longer than the stale threshold. \
           Excludes those whose reap time is only known as an upper bound.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.reaped_late as f64);
        }
    }),
};
