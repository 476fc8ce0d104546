use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "exit_step_seconds_total",
    help: "Exit latency of finished deaths, split by step; measured only with --steps. Excludes \
           steps that this kernel's hooks cannot measure. The time of a core dump is before the \
           exit latency and not part of it.",
    labels: &["step"],
    kind: Kind::Counter(|scrape, series| {
        for (step, seconds) in &scrape.step_seconds {
            series.with([step], *seconds);
        }
    }),
};
