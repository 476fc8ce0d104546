use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "pod_watch_failures_total",
    help: "Restarts of the watch on the node's pods, by reason: missing permission to watch pods \
           (forbidden), resource version expired, so all pods were listed again (expired), \
           unreadable response (malformed), no connection or a broken one (disconnected), timeout \
           (slow), other server error (server). Excludes the normal end of each watch after a few \
           minutes.",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        let watch = scrape.sample.pod_watch.unwrap_or_default();
        for (_, reason, total) in watch.each_failure() {
            series.with([reason], total as f64);
        }
    }),
};
