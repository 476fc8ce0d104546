use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "table_limit",
    help: "For how many entries a table of the agent has room. That for zombies follows from the \
           memory limit of the agent's cgroup.",
    labels: &["table"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.tables {
            series.with([table.name], table.limit as f64);
        }
    }),
};
