use crate::metrics::{
    Sample,
    groups::Labels,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "culprits",
    help: "Processes that hold zombies older than 2 s, by where they belong and why they do not \
           reap them; unexplained where no rule fits. Judged every 10 s, and the 32 processes \
           with the most zombies at most. Each verdict has a series at 0 with empty names.",
    labels: &["namespace", "pod", "container", "unit", "verdict"],
    kind: Kind::Gauge(|scrape, series| {
        let Sample {
            verdicts, culprits, ..
        } = &scrape.sample;
        // So that each verdict is there before anybody is a culprit.
        for verdict in verdicts {
            if !culprits.contains_key(&(Labels::none(), *verdict)) {
                series.of_and(&Labels::none(), verdict, 0.0);
            }
        }
        for ((workload, verdict), count) in culprits {
            series.of_and(workload, verdict, *count as f64);
        }
    }),
};
