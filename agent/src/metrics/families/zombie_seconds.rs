use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "zombie_seconds_total",
    help: "Sum of the zombie time of reaped processes; of one found dead, from when it was dead \
           at the latest. Without those of which only an upper bound of the reap is known, and \
           without zombies still unreaped.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.zombie_seconds);
        }
    }),
};
