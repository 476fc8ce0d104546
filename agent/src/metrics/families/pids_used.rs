use crate::metrics::{
    labels::tail,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "pids_used",
    help: "PIDs in use: those of processes, their threads and zombies; of the node, and of each \
           cgroup with a limit and those below it (the 255 fullest, a long path by its end). A \
           cgroup inside another counts in both, so that sums mean nothing.",
    labels: &["namespace", "pod", "container", "unit", "scope"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.pids {
            series.of_and(&table.workload, &tail(&table.scope), table.used as f64);
        }
    }),
};
