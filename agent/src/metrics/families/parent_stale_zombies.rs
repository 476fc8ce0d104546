use crate::metrics::{
    labels::top_parents,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "parent_stale_zombies",
    help: "Stale zombies by the name and workload of the process that has to reap them: the 20 \
           with the most, the rest summed under ~other.",
    labels: &["namespace", "pod", "container", "unit", "comm"],
    kind: Kind::Gauge(|scrape, series| {
        for (workload, comm, zombies) in top_parents(&scrape.sample.parents) {
            series.of_and(&workload, &comm, zombies as f64);
        }
    }),
};
