use crate::metrics::{
    labels::tail,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "pids_limit",
    help: "Maximum number of PIDs in use before fork fails: the smaller of pid_max and \
           threads-max, or pids.max of a cgroup.",
    labels: &["namespace", "pod", "container", "unit", "scope"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.pids {
            series.of_and(&table.workload, &tail(&table.scope), table.limit as f64);
        }
    }),
};
