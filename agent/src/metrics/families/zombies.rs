use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "zombies",
    help: "Processes that are dead and unreaped now, by where they belonged at death. Without a \
           leader thread that ended while its siblings live: it cannot be reaped.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.zombies as f64);
        }
    }),
};
