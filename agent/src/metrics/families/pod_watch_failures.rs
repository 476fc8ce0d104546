use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "pod_watch_failures_total",
    help: "How often the watch on the node's pods had to begin again, by reason: no right to \
           watch pods (forbidden), the server no longer knew what was missed and all were listed \
           again (expired), an answer that cannot be read (malformed), no connection or a broken \
           one (disconnected), no answer in time (slow), another error of the server (server). \
           Without the regular end of each watch after some minutes.",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        let watch = scrape.sample.pod_watch.unwrap_or_default();
        for (_, reason, total) in watch.each_failure() {
            series.with([reason], total as f64);
        }
    }),
};
