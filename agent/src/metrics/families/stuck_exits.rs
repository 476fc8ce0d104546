use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "stuck_exits",
    help: "Processes that were killed or began to exit more than 5 s ago and are not zombies yet. \
           May lag by a few seconds.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.stuck as f64);
        }
    }),
};
