use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "stuck_exits",
    help: "Processes that were killed or began to exit more than 5 s ago and are neither dead nor \
           zombies. As of some seconds ago.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.stuck as f64);
        }
    }),
};
