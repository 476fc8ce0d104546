use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "table_entries",
    help: "Entries in a table of the agent: zombies, announced deaths, recently finished deaths, \
           parents, and finished deaths that wait for their workload. At the limit, zombies are \
           counted with their parent and not listed; of the others, the oldest are dropped.",
    labels: &["table"],
    kind: Kind::Gauge(|scrape, series| {
        for table in &scrape.sample.tables {
            series.with([table.name], table.entries as f64);
        }
    }),
};
