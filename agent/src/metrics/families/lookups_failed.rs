use crate::metrics::metric::{Kind, Metric};
use model::workload::pods::{Failure, Watched};

pub(super) const METRIC: Metric = Metric {
    name: "workload_lookups_failed_total",
    help: "Lookups of a workload that failed, by reason: the cgroup and all in it were gone \
           (gone), too many lookups were under way (busy), no source had a name for a container, \
           which is then shown by its id (unnamed). With --cri-endpoint also: the container \
           runtime could not be reached (cri_disconnected), refused (cri_forbidden), did not \
           answer in time (cri_slow), said what cannot be read (cri_malformed) or that it failed \
           (cri_server).",
    labels: &["reason"],
    kind: Kind::Counter(|scrape, series| {
        let failed = &scrape.sample.lookups_failed;
        series.with(["gone"], failed.gone as f64);
        series.with(["busy"], failed.busy as f64);
        series.with(["unnamed"], failed.unnamed as f64);
        let asked = scrape.sample.cri.iter();
        for (failure, reason, total) in asked.flat_map(Watched::each_failure) {
            // Nothing expires there.
            if failure != Failure::Expired {
                series.with([&format!("cri_{reason}")], total as f64);
            }
        }
    }),
};
