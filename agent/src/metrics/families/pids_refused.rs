use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "pids_refused_total",
    help: "Forks that pids.max of a cgroup refused (pids.events), by where the cgroup belongs. \
           From Linux 6.11 on in hierarchies of version 2 that is the cgroup whose limit was hit, \
           else the one that forked. Read every 10 s. Without forks refused before the agent \
           started, and without those refused by the node's own limits.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.refused_forks as f64);
        }
    }),
};
