use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "zombies",
    help: "Current zombies, by workload at death. A thread-group leader that ended before its \
           other threads does not count, since it cannot be reaped yet.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.zombies as f64);
        }
    }),
};
