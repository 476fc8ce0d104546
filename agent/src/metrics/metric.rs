//! What a metric is, and how its series get onto the page.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec};

use super::{labels::Labels, scrape::Scrape};
use model::lifecycle::Record;
use wire::{BOUNDS_NS, Times};

pub(super) const PREFIX: &str = "reapwatch";

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

/// The series of one metric in one scrape: their labels, as they are on the page, and values.
pub(super) struct Series {
    /// Names of the labels, each with the position of its value.
    names: Vec<(&'static str, usize)>,
    list: Vec<(String, f64)>,
}

impl Series {
    /// No series yet of a metric with these labels, which are sorted on the page.
    pub(super) fn new(names: &[&'static str]) -> Self {
        let names = names.iter().copied().zip(0..);
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        Self {
            names,
            list: Vec::new(),
        }
    }

    /// The only series of a metric without labels.
    pub(super) fn only(&mut self, value: f64) {
        self.with([], value);
    }

    /// A series with these label values.
    pub(super) fn with<const N: usize>(&mut self, values: [&str; N], value: f64) {
        let mut labels = String::with_capacity(160);
        for (name, position) in &self.names {
            labels.push(if labels.is_empty() { '{' } else { ',' });
            labels.push_str(name);
            labels.push_str("=\"");
            escape(values[*position], &mut labels);
            labels.push('"');
        }
        if N > 0 {
            labels.push('}');
        }
        self.list.push((labels, value));
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

    /// All of them, sorted.
    pub(super) fn sorted(mut self) -> Vec<(String, f64)> {
        self.list.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.list
    }
}

/// Appends a label value.
fn escape(value: &str, to: &mut String) {
    for piece in value.split_inclusive(['\\', '"', '\n']) {
        let end = piece.len() - 1;
        match piece.as_bytes().last() {
            Some(b'\n') => to.extend([&piece[..end], "\\n"]),
            Some(last @ (b'\\' | b'"')) => {
                to.push_str(&piece[..end]);
                to.extend(['\\', char::from(*last)]);
            }
            _ => to.push_str(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut text = String::new();
        escape("a\"b\\c\nd", &mut text);
        assert_eq!(text, r#"a\"b\\c\nd"#);
        escape("\\", &mut text);
        assert_eq!(text, r#"a\"b\\c\nd\\"#);
    }
}
