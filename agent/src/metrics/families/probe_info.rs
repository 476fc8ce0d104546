use crate::metrics::{
    labels::clean,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "probe_info",
    help: "Always 1, for each attached probe and its hook.",
    labels: &["probe", "hook"],
    kind: Kind::Gauge(|scrape, series| {
        for (probe, hook) in &scrape.sample.probes {
            series.with([&clean(probe), &clean(hook)], 1.0);
        }
    }),
};
