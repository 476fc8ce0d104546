use crate::metrics::{
    metric::{Kind, Metric, Observe, Ordinary},
    times,
};

pub(super) const METRIC: Metric = Metric {
    name: "exit_duration_seconds",
    help: "Exit latency of finished deaths: from the start of the group exit (do_exit) to the \
           notification of the parent (do_notify_parent). Excludes deaths where either moment was \
           not seen, and processes that are still exiting.",
    labels: &[],
    kind: Kind::Histogram(Observe {
        buckets: &[
            1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
        ],
        known: &[None],
        time: |record| Some((times::exiting(record)?, None)),
        ordinary: Some(Ordinary {
            value: None,
            sum_ns: |times| times.exit_ns,
            buckets: |times| times.exits,
        }),
    }),
};
