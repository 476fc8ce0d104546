use crate::metrics::metric::{Kind, Metric};

pub(super) const METRIC: Metric = Metric {
    name: "exit_step_seconds_total",
    help: "Where the exit latency of finished deaths went, by step; measured only with --steps. \
           Without steps that this kernel's hooks cannot tell. The time of a core dump comes \
           before the exit latency.",
    labels: &["step"],
    kind: Kind::Counter(|scrape, series| {
        for (step, seconds) in &scrape.step_seconds {
            series.with([step], *seconds);
        }
    }),
};
