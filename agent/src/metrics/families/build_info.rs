use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "build_info",
    help: "1, labelled with the version of the agent and the machine it was built for.",
    labels: &["version", "arch"],
    kind: Kind::Gauge(|_, series| {
        series.with([env!("CARGO_PKG_VERSION"), std::env::consts::ARCH], 1.0);
    }),
};
