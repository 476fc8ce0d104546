use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "oldest_zombie_timestamp_seconds",
    help: "When the oldest zombie died, as Unix time; of one found dead, when it was dead at the \
           latest. Absent while there is no zombie.",
    labels: WORKLOAD,
    kind: Kind::Gauge(|scrape, series| {
        for (workload, group) in &scrape.groups {
            if let Some(died) = group.present.oldest_died_unix_seconds {
                series.of(workload, died);
            }
        }
    }),
};
