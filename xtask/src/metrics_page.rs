//! Reads a page of metrics.

/// The sum of all series of a metric that have all these labels; `None` if there is none.
pub(crate) fn metric(page: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let lines = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (own, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let has = |(name, value): &(&str, &str)| own.contains(&format!("{name}=\"{value}\""));
        labels.iter().all(has).then(|| value.parse::<f64>().ok())?
    });
    lines.reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_all_series_with_the_labels() {
        let page =
            "x{a=\"1\",b=\"1\"} 2\nx{a=\"1\",b=\"2\"} 3\nx_y{a=\"1\"} 5\nx{a=\"2\"} 7\ny 9\n";
        assert_eq!(metric(page, "x", &[("a", "1")]), Some(5.0));
        assert_eq!(metric(page, "x", &[("a", "3")]), None);
        assert_eq!(metric(page, "y", &[]), Some(9.0));
    }
}
