use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "pod_watch_up",
    help: "Whether the watch on the node's pods is connected: 1 or 0; absent if pods are not \
           watched.",
    labels: &[],
    kind: Kind::Gauge(|scrape, series| {
        if let Some(watch) = &scrape.sample.pod_watch {
            series.only(f64::from(u8::from(watch.up)));
        }
    }),
};
