//! What a metric is, and how its series get onto the page.

use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric as Entry, MetricFamily, MetricType};
use prometheus::{HistogramOpts, HistogramVec};

use super::{labels::Labels, scrape::Scrape};
use model::lifecycle::Record;
use wire::{BOUNDS_NS, Times};

const PREFIX: &str = "reapwatch";

/// The labels of a workload.
pub(super) const WORKLOAD: &[&str] = &["namespace", "pod", "container", "unit"];

/// Everything published under one name.
pub(super) struct Metric {
    /// Without the prefix.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Label names. Workload labels, if any, come first.
    pub(super) labels: &'static [&'static str],
    pub(super) kind: Kind,
}

/// The kind of metric, and where its values come from.
pub(super) enum Kind {
    Counter(Read),
    Gauge(Read),
    Histogram(Observe),
}

/// Adds the series of one scrape to a list.
type Read = fn(&Scrape, &mut Series);

/// A time, with a label value if there is a label.
type LabelledTime = (Duration, Option<&'static str>);

/// A histogram over one time of each finished death.
pub(super) struct Observe {
    /// Upper bounds in seconds.
    pub(super) buckets: &'static [f64],
    /// Label values that exist before the first death; `None` without a label.
    pub(super) known: &'static [Option<&'static str>],
    pub(super) time: fn(&Record) -> Option<LabelledTime>,
    /// The same time of ordinary deaths, which the kernel side counts; `None` if they have none.
    pub(super) ordinary: Option<Ordinary>,
}

/// One time of all ordinary deaths. The bounds of their buckets are the first of the histogram's.
#[derive(Clone, Copy)]
pub(super) struct Ordinary {
    /// Their label value.
    pub(super) value: Option<&'static str>,
    pub(super) sum_ns: fn(&Times) -> u64,
    pub(super) buckets: fn(&Times) -> [u64; BOUNDS_NS.len()],
}

impl Observe {
    /// An empty histogram of this metric.
    pub(super) fn histogram(&self, metric: &Metric) -> HistogramVec {
        let options = HistogramOpts::new(metric.name, metric.help)
            .namespace(PREFIX)
            .buckets(self.buckets.to_vec());
        let histogram = HistogramVec::new(options, metric.labels)
            .expect("names, labels and buckets are constants, which the tests register");
        for value in self.known {
            histogram.with_label_values(value.as_slice());
        }
        histogram
    }

    /// Adds a finished death, if it has this time.
    pub(super) fn count(&self, record: &Record, histogram: &HistogramVec) {
        if let Some((time, value)) = (self.time)(record) {
            let series = histogram.with_label_values(value.as_slice());
            series.observe(time.as_secs_f64());
        }
    }
}

/// The series of one metric in one scrape.
#[derive(Default)]
pub(super) struct Series(Vec<(Vec<String>, f64)>);

impl Series {
    /// The only series of a metric without labels.
    pub(super) fn only(&mut self, value: f64) {
        self.with([], value);
    }

    /// A series with these label values.
    pub(super) fn with<const N: usize>(&mut self, values: [&str; N], value: f64) {
        self.0.push((values.map(str::to_owned).into(), value));
    }

    /// A series for a workload.
    pub(super) fn of(&mut self, workload: &Labels, value: f64) {
        self.with(workload.values(), value);
    }

    /// A series for a workload, with one more label value.
    pub(super) fn of_and(&mut self, workload: &Labels, more: &str, value: f64) {
        let [namespace, pod, container, unit] = workload.values();
        self.with([namespace, pod, container, unit, more], value);
    }
}

/// A counter or gauge that is read at scrape time.
pub(super) struct FromScrape {
    metric: &'static Metric,
    kind: MetricType,
    read: Read,
    scrape: Arc<Scrape>,
    description: Desc,
}

impl FromScrape {
    pub(super) fn new(
        metric: &'static Metric,
        kind: MetricType,
        read: Read,
        scrape: Arc<Scrape>,
    ) -> Self {
        let labels = metric.labels.iter().map(ToString::to_string).collect();
        let name = format!("{PREFIX}_{}", metric.name);
        let description = Desc::new(name, metric.help.to_owned(), labels, [].into())
            .expect("names and labels are constants, which the tests register");
        Self {
            metric,
            kind,
            read,
            scrape,
            description,
        }
    }

    fn entry(&self, (values, value): (Vec<String>, f64)) -> Entry {
        let names = self.metric.labels.iter();
        let mut labels: Vec<_> = names.zip(values).map(label).collect();
        labels.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        let mut entry = Entry::from_label(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            entry.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            entry.set_gauge(gauge);
        }
        entry
    }
}

impl Collector for FromScrape {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut series = Series::default();
        (self.read)(&self.scrape, &mut series);
        let mut family = MetricFamily::default();
        family.set_name(self.description.fq_name.clone());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(series.0.into_iter().map(|it| self.entry(it)).collect());
        vec![family]
    }
}

fn label((name, value): (&&'static str, String)) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name((*name).to_owned());
    label.set_value(value);
    label
}
