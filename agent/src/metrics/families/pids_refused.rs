use crate::metrics::metric::{Kind, Metric, WORKLOAD};

pub(super) const METRIC: Metric = Metric {
    name: "pids_refused_total",
    help: "Forks refused by the pids.max of a cgroup (pids.events), by workload of the cgroup. \
           With cgroup v2 on Linux 6.11 and newer that is the cgroup that hit its limit, otherwise \
           the one that forked. Read every 10 s. Excludes forks refused before the agent started \
           or by the node's own limits.",
    labels: WORKLOAD,
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            series.of(workload, group.counts.refused_forks as f64);
        }
    }),
};
