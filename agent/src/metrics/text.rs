//! The text format of Prometheus, for metrics with many series: its crate builds a tree of each
//! label and value before it writes the first one.

use std::fmt::Write as _;

use super::metric::{Metric, PREFIX, Series};

/// Appends a metric, unless it has no series.
pub(super) fn write(text: &mut String, kind: &str, metric: &Metric, series: Series) {
    let series = series.sorted();
    if series.is_empty() {
        return;
    }
    let Metric { name, help, .. } = metric;
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}\n"
    );
    for (labels, value) in series {
        let _ = writeln!(text, "{PREFIX}_{name}{labels} {value}");
    }
}
