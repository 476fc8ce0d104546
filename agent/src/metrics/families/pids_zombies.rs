use crate::metrics::{
    labels::tail,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "pids_zombies",
    help: "Zombies among the PIDs in use.",
    labels: &["namespace", "pod", "container", "unit", "scope"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.pids {
            if let Some(zombies) = table.zombies {
                series.of_and(&table.workload, &tail(&table.scope), zombies as f64);
            }
        }
    }),
};
