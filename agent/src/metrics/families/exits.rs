use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "exits_total",
    help: "Processes that died, by where they belonged at death and by how they ended, counted \
           when their parent is told (do_notify_parent). One whose record found the ring full was \
           counted in the kernel and stands under ~unattributed, as does one whose cgroup nobody \
           could name: the sum of all groups misses none. Without threads that end inside a \
           living process.",
    labels: &["namespace", "pod", "container", "unit", "kind"],
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            for (kind, exits) in group.counts.exits.by_kind() {
                series.of_and(workload, kind, exits as f64);
            }
        }
    }),
};
