use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "unlisted_zombies",
    help: "Zombies that are counted with their parent and in no list, since the agent's memory \
           limit has no room for more. They are part of reapwatch_zombies, by the workload of the \
           parent.",
    labels: &[],
    kind: Kind::Gauge(|scrape, series| series.only(scrape.sample.unlisted_zombies as f64)),
};
