//! A histogram of single deaths, with the ordinary ones that the kernel side has counted.

use std::time::Duration;

use prometheus::HistogramVec;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, MetricFamily};

use super::metric::{Observe, Ordinary};
use wire::Times;

/// The sum of both.
#[derive(Debug)]
pub(super) struct WithOrdinary {
    single: HistogramVec,
    added: Option<Added>,
}

#[derive(Debug)]
struct Added {
    value: Option<&'static str>,
    sum_seconds: f64,
    buckets: Vec<u64>,
}

impl Observe {
    /// This histogram of single deaths, with the ordinary ones.
    pub(super) fn with_ordinary(&self, single: &HistogramVec, times: &Times) -> WithOrdinary {
        let added = self.ordinary.map(
            |Ordinary {
                 value,
                 sum_ns,
                 buckets,
             }| Added {
                value,
                sum_seconds: Duration::from_nanos(sum_ns(times)).as_secs_f64(),
                buckets: buckets(times).into(),
            },
        );
        WithOrdinary {
            single: single.clone(),
            added,
        }
    }
}

impl Added {
    /// Whether it belongs to the series with this label value.
    fn is_of(&self, value: Option<&str>) -> bool {
        self.value == value
    }

    fn to(&self, single: &Histogram) -> Histogram {
        let mut more = 0;
        let mut new = self.buckets.iter();
        let both = |bucket: &Bucket| {
            more += new.next().unwrap_or(&0);
            let mut both = bucket.clone();
            both.set_cumulative_count(bucket.cumulative_count() + more);
            both
        };
        let mut sum = Histogram::default();
        sum.set_bucket(single.get_bucket().iter().map(both).collect());
        sum.set_sample_count(single.get_sample_count() + self.buckets.iter().sum::<u64>());
        sum.set_sample_sum(single.get_sample_sum() + self.sum_seconds);
        sum
    }
}

impl Collector for WithOrdinary {
    fn desc(&self) -> Vec<&Desc> {
        self.single.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.single.collect();
        let series = families.iter_mut().flat_map(MetricFamily::mut_metric);
        for series in series {
            let value = series.get_label().first().map(LabelPair::value);
            if let Some(added) = self.added.as_ref().filter(|added| added.is_of(value)) {
                series.set_histogram(added.to(series.get_histogram()));
            }
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::super::families;
    use super::super::metric::Kind;
    use super::super::tests::{has, metrics, record};
    use super::super::{Metrics, Sample};
    use super::*;
    use wire::BOUNDS_NS;

    fn page(mut metrics: Metrics, ordinary: Times) -> String {
        let sample = Sample {
            ordinary,
            ..Sample::default()
        };
        metrics.scrape(sample).text()
    }

    #[test]
    fn both_sides_have_the_same_bounds() {
        let bounds = BOUNDS_NS.map(|ns| Duration::from_nanos(ns).as_secs_f64());
        let mut compared = 0;
        for metric in families::ALL {
            if let Kind::Histogram(observe) = &metric.kind
                && observe.ordinary.is_some()
            {
                assert_eq!(observe.buckets[..bounds.len()], bounds, "{}", metric.name);
                compared += 1;
            }
        }
        assert_eq!(compared, 2);
    }

    #[test]
    fn ordinary_deaths_are_added_to_the_single_ones() {
        let mut single = metrics();
        single.finished(&record(), None, 0);
        let times = Times {
            exit_ns: 2_000_000,
            zombie_ns: 50_000,
            exits: [0, 0, 1, 0, 0, 0, 1],
            zombies: [1, 1, 0, 0, 0, 0, 0],
        };
        let page = page(single, times);
        let exit = "reapwatch_exit_duration_seconds";
        has(&page, &format!("{exit}_bucket{{le=\"0.00003\"}} 0"));
        has(&page, &format!("{exit}_bucket{{le=\"0.0001\"}} 1"));
        has(&page, &format!("{exit}_bucket{{le=\"0.3\"}} 2"));
        has(&page, &format!("{exit}_bucket{{le=\"1\"}} 3"));
        has(&page, &format!("{exit}_count 3"));
        has(&page, &format!("{exit}_sum 0.502"));
        let zombie = "reapwatch_zombie_duration_seconds";
        has(
            &page,
            &format!("{zombie}_bucket{{how=\"wait\",le=\"0.00001\"}} 1"),
        );
        has(&page, &format!("{zombie}_count{{how=\"wait\"}} 3"));
        has(&page, &format!("{zombie}_sum{{how=\"wait\"}} 2.00005"));
        has(&page, &format!("{zombie}_count{{how=\"autoreap\"}} 0"));
    }
}
