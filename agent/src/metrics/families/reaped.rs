use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "reaped_total",
    help: "Processes released (release_task), auto-reaped ones included, by where they belonged \
           at death. A death whose record was lost counts under ~unattributed as reaped unless a \
           snapshot finds it unreaped.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.reaped as f64);
        }
    }),
};
