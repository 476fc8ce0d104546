use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "zombie_seconds_total",
    help: "Total zombie time of reaped processes; for a zombie found dead, from the latest time it \
           can have died. Excludes those whose reap time is only known as an upper bound, and \
           current zombies.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.zombie_seconds);
        }
    }),
};
