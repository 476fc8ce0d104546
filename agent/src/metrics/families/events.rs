use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "events_total",
    help: "Events received from the kernel, without lost ones. Ordinary deaths, which the kernel \
           side counts, send none unless a client follows deaths.",
    labels: &["event"],
    kind: Kind::Counter(|scrape, series| {
        for (event, total) in scrape.sample.events.by_kind() {
            series.with([event], total as f64);
        }
    }),
};
