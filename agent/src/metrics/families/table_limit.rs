use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "table_limit",
    help: "Maximum number of entries in a table of the agent. That of zombies follows from the \
           memory limit of the agent's cgroup.",
    labels: &["table"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.tables {
            series.with([table.name], table.limit as f64);
        }
    }),
};
