//! The metrics page, made from one scrape.

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{TextEncoder, core::Collector};

use super::families;
use super::metric::{self, Kind, Series};
use super::ordinary::WithOrdinary;
use super::scrape::Scrape;
use super::text;
use crate::problem::Problem;

/// A scrape that has not been written yet. Writing it does not need the agent's loop.
#[derive(Debug)]
pub struct Page {
    pub(super) scrape: Scrape,
    /// In the order of their metrics.
    pub(super) histograms: Vec<WithOrdinary>,
}

impl Page {
    /// The page, in the text format 0.0.4.
    pub fn text(self) -> String {
        let mut page = String::new();
        if !self.scrape.sample.is_recorded {
            encode(&mut page, &process());
        }
        let mut histograms = self.histograms.iter();
        for metric in families::ALL {
            let (kind, read) = match &metric.kind {
                Kind::Counter(read) => ("counter", read),
                Kind::Gauge(read) => ("gauge", read),
                Kind::Histogram(_) => {
                    encode(
                        &mut page,
                        &histograms.next().map(sorted).unwrap_or_default(),
                    );
                    continue;
                }
            };
            if self.scrape.sample.is_recorded && is_unrecorded(metric) {
                continue;
            }
            let mut series = Series::new(metric.labels);
            read(&self.scrape, &mut series);
            text::write(&mut page, kind, metric, series);
        }
        page
    }
}

fn is_unrecorded(metric: &metric::Metric) -> bool {
    let mut unrecorded = families::NOT_RECORDED.iter();
    unrecorded.any(|it| it.name == metric.name)
}

fn sorted(histogram: &WithOrdinary) -> Vec<MetricFamily> {
    let mut families = histogram.collect();
    for family in &mut families {
        let value = |series: &Metric| series.get_label().first().map(|it| it.value().to_owned());
        family.mut_metric().sort_by_key(value);
    }
    families
}

/// Facts about the agent's own process.
pub(super) fn process() -> Vec<MetricFamily> {
    let mut families = ProcessCollector::for_self().collect();
    families.sort_by(|one, other| one.name().cmp(other.name()));
    families
}

fn encode(page: &mut String, families: &[MetricFamily]) {
    static PROBLEM: Problem = Problem::new();
    let written = TextEncoder::new().encode_utf8(families, page);
    // Only a family without a name or series is an error.
    let _logged = PROBLEM.check("cannot write the metrics page", written);
}
