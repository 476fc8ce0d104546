use crate::metrics::{
    Sample,
    labels::Labels,
    metric::{Kind, Metric},
};

pub(super) const METRIC: Metric = Metric {
    name: "culprits",
    help: "Processes that hold zombies older than 2 s, by workload and by verdict; unexplained if \
           no rule matches. Updated every 10 s, for the 32 processes with the most zombies. Each \
           verdict always has a series at 0 with empty workload labels.",
    labels: &["namespace", "pod", "container", "unit", "verdict"],
    kind: Kind::Gauge(|scrape, series| {
        let Sample {
            verdicts, culprits, ..
        } = &scrape.sample;
        // So that each verdict has a series before the first culprit.
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
