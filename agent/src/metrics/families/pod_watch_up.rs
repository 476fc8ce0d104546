use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "pod_watch_up",
    help: "Whether the API server tells of changes of the node's pods now: 1 or 0; no series \
           where pods are not watched.",
    labels: &[],
    kind: Kind::Gauge(|scrape, series| {
        if let Some(watch) = &scrape.sample.pod_watch {
            series.only(f64::from(u8::from(watch.up)));
        }
    }),
};
