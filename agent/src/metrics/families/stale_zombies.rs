use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "stale_zombies",
    help: "Zombies (reapwatch_zombies) that have been dead for longer than the stale threshold.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.present.stale as f64);
        }
    }),
};
