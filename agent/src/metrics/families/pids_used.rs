use crate::metrics::{
    labels::tail,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "pids_used",
    help: "PIDs in use by processes, threads and zombies: on the node, and in each cgroup with a \
           limit including its descendants (the 255 fullest; long paths keep their end). A nested \
           cgroup is counted in its parents too, so do not sum over scopes.",
    labels: &["namespace", "pod", "container", "unit", "scope"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.pids {
            series.of_and(&table.workload, &tail(&table.scope), table.used as f64);
        }
    }),
};
