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

/// Appends a label value.
pub(super) fn escape(value: &str, to: &mut String) {
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
