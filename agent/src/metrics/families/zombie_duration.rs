use crate::metrics::{
    metric::{Kind, Metric, Observe, Ordinary},
    times,
};
use model::lifecycle::How;

pub(super) const METRIC: Metric = Metric {
    name: "zombie_duration_seconds",
    help: "Zombie time of finished deaths, by who reaped: from the notification of the parent \
           (do_notify_parent) to the release (release_task); 0 if the kernel released the process \
           at once. Excludes deaths where either moment is only a bound, and current zombies (see \
           reapwatch_zombies).",
    labels: &["how"],
    kind: Kind::Histogram(Observe {
        buckets: &[
            1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
            300.0, 3600.0,
        ],
        known: &[
            Some(How::Wait.into_str()),
            Some(How::Autoreap.into_str()),
            Some(How::Tracer.into_str()),
            Some(How::Namespace.into_str()),
            Some(How::Unknown.into_str()),
        ],
        time: |record| {
            let how = record.reap.as_ref()?.how;
            Some((times::exact_zombie(record)?, Some(how.into_str())))
        },
        ordinary: Some(Ordinary {
            value: Some(How::Wait.into_str()),
            sum_ns: |times| times.zombie_ns,
            buckets: |times| times.zombies,
        }),
    }),
};
