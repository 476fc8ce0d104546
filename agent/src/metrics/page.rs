//! The metrics page, made from one scrape.

use std::sync::Arc;

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder, core::Collector};

use super::families;
use super::metric::{FromScrape, Kind};
use super::ordinary::WithOrdinary;
use super::scrape::Scrape;
use crate::problem::Problem;

/// A scrape that has not been written yet. Writing it does not need the agent's loop.
#[derive(Debug)]
pub struct Page {
    pub(super) scrape: Scrape,
    pub(super) histograms: Vec<WithOrdinary>,
}

impl Page {
    /// The page, in the text format 0.0.4.
    pub fn text(self) -> String {
        static PROBLEM: Problem = Problem::new();
        let mut text = String::new();
        let written = TextEncoder::new().encode_utf8(&self.gather(), &mut text);
        // Only a family without a name or series is an error, and none is gathered.
        let _logged = PROBLEM.check("cannot write the metrics page", written);
        text
    }

    pub(super) fn gather(self) -> Vec<MetricFamily> {
        let registry = Registry::new();
        let register = |collector: Box<dyn Collector>| {
            registry
                .register(collector)
                .expect("metric names are unique; a test registers all of them");
        };
        register(Box::new(ProcessCollector::for_self()));
        for histogram in self.histograms {
            register(Box::new(histogram));
        }
        let scrape = Arc::new(self.scrape);
        for metric in families::ALL {
            let (kind, read) = match &metric.kind {
                Kind::Counter(read) => (MetricType::COUNTER, read),
                Kind::Gauge(read) => (MetricType::GAUGE, read),
                Kind::Histogram(_) => continue,
            };
            let scrape = scrape.clone();
            register(Box::new(FromScrape::new(metric, kind, *read, scrape)));
        }
        registry.gather()
    }
}
