use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "oldest_zombie_timestamp_seconds",
    help: "Unix time at which the oldest zombie died; for a zombie found dead, the latest time it \
           can have died. Absent while there are no zombies.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            if let Some(died) = group.present.oldest_died_unix_seconds {
                series.of(workload, died);
            }
        }
    }),
};
