use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "exits_total",
    help: "Processes that died, by workload and by how they ended, counted when the parent is \
           notified (do_notify_parent). A death whose record found the ring buffer full, or whose \
           cgroup could not be identified, counts under ~unattributed, so the sum over all groups \
           is exact. A thread exit in a living process does not count.",
    labels: &["namespace", "pod", "container", "unit", "kind"],
    kind: Kind::Counter(|scrape, series| {
        for (workload, group) in &scrape.groups {
            for (kind, exits) in group.counts.exits.by_kind() {
                series.of_and(workload, kind, exits as f64);
            }
        }
    }),
};
