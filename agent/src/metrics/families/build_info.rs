use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "build_info",
    help: "Always 1, with the agent's version and the architecture it was built for as labels.",
    labels: &["version", "arch"],
    kind: Kind::Gauge(|_, series| {
        series.with([env!("CARGO_PKG_VERSION"), std::env::consts::ARCH], 1.0);
    }),
};
