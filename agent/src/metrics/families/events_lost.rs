use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "events_lost_total",
    help: "Events lost, by reason: the ring to user space was full (ring_full), the kernel side \
           could not remember a process's forker, killer or start of exit (tasks_full), a record \
           could not be decoded (malformed), the kernel skipped a run of a probe because one was \
           under way on that CPU (skipped_runs). The counters of exits and reaps do not suffer; \
           histograms miss the deaths concerned.",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        for (reason, total) in scrape.sample.lost.by_reason() {
            series.with([reason], total as f64);
        }
    }),
};
