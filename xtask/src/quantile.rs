//! Order statistics.

/// The `q` quantile of `sorted`, or NaN if it is empty.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((q * last as f64).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_list() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 50.0];
        let found = [0.0, 0.5, 0.99, 1.0].map(|q| quantile(&sorted, q).to_string());
        assert_eq!(found, ["1", "3", "50", "50"]);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
