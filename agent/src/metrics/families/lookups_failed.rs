use crate::metrics::metric::{Kind, Metric};
use model::workload::pods::{Failure, Watched};

pub(super) const METRIC: Metric = Metric {
    name: "workload_lookups_failed_total",
    help: "Failed workload lookups, by reason: the cgroup and all its processes were gone (gone), \
           too many lookups were running (busy), or no source had a name for a container, which is \
           then shown by its id (unnamed). With --cri-endpoint also: the container runtime was \
           unreachable (cri_disconnected), denied access (cri_forbidden), timed out (cri_slow), \
           sent an unreadable response (cri_malformed) or returned an error (cri_server).",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        let failed = &scrape.sample.lookups_failed;
        series.with(["gone"], failed.gone as f64);
        series.with(["busy"], failed.busy as f64);
        series.with(["unnamed"], failed.unnamed as f64);
        let asked = scrape.sample.cri.iter();
        for (failure, reason, total) in asked.flat_map(Watched::each_failure) {
            // CRI has no watch that could expire.
            if failure != Failure::Expired {
                series.with([&format!("cri_{reason}")], total as f64);
            }
        }
    }),
};
