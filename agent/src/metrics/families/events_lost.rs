use crate::metrics::metric::{Kind, Metric};
use model::counts::Lost;

pub(super) const METRIC: Metric = Metric {
    name: "events_lost_total",
    help: "Events lost, by reason: the ring buffer was full (ring_full), the kernel-side table was \
           full, so forker, killer or start of exit is missing (tasks_full), a record could not be \
           decoded (malformed), or the kernel skipped a probe because one was already running on \
           that CPU (skipped_runs). The counters of exits and reaps stay exact; histograms miss \
           the affected deaths.",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        for (reason, total) in scrape.sample.lost.iter().flat_map(Lost::by_reason) {
            series.with([reason], total as f64);
        }
    }),
};
