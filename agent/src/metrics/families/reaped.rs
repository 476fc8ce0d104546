use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "reaped_total",
    help: "Processes released (release_task), including auto-reaped ones, by workload at death. A \
           death whose record was lost counts under ~unattributed as reaped unless a snapshot \
           finds it as a zombie.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.reaped as f64);
        }
    }),
};
