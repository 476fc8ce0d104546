use crate::metrics::{
    labels,
    metric::{Kind, Metric, Observe},
    times,
};

pub(super) const METRIC: Metric = Metric {
    name: "kill_duration_seconds",
    help: "Time to die of killed processes, by signal: from sending the fatal signal \
           (signal_generate) to the notification of the parent (do_notify_parent). Excludes deaths \
           where either moment was not seen, signals that did not kill, and processes that are \
           still alive.",
    labels: &["signal"],
    kind: Kind::Histogram(Observe {
        buckets: &[
            1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
        ],
        // Signals that people send; others get a series at their first death.
        known: &[Some("SIGKILL"), Some("SIGTERM")],
        time: |record| {
            let kill = record.kill.as_ref()?;
            Some((times::dying(record)?, Some(labels::signal(kill.signal))))
        },
        ordinary: None,
    }),
};
