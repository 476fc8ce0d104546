//! Our rules with shorter times, so that minutes become seconds.

use serde_json::Value;

/// The factor.
pub(super) const FACTOR: u64 = 30;
/// The shortest time in seconds: long enough for some scrapes.
const LEAST: u64 = 1;

/// Shortens `for`, `interval` and the ranges in brackets of expressions.
pub(super) fn shorter(rules: &Value) -> Value {
    match rules {
        Value::Array(items) => items.iter().map(shorter).collect(),
        Value::Object(fields) => {
            let short = fields.iter().map(|(name, value)| {
                let value = match (name.as_str(), value.as_str()) {
                    ("for" | "interval", Some(time)) => divided(time).into(),
                    ("expr", Some(expression)) => ranges(expression).into(),
                    _ => shorter(value),
                };
                (name.clone(), value)
            });
            short.collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn ranges(expression: &str) -> String {
    let mut parts = expression.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((range, rest)) => text.extend(["[", &divided(range), "]", rest]),
            None => text.extend(["[", part]),
        }
    }
    text
}

/// A time with one unit; any other text stays.
fn divided(time: &str) -> String {
    let seconds = || {
        let unit = match time.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        Some(time[..time.len() - 1].parse::<u64>().ok()? * unit)
    };
    seconds().map_or(time.to_owned(), |seconds| {
        format!("{}s", (seconds / FACTOR).max(LEAST))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_times_are_shorter_and_nothing_else_changes() {
        let rules = |interval: &str, short: &str, long: &str, pending: &str| {
            json!({"groups": [{"interval": interval, "rules": [{
                "expr": format!("deriv(x[{short}]) > 0 and predict_linear(x[{long}], 4 * 3600) > y[z]"),
                "for": pending,
                "annotations": {"summary": "more than [15m] for 5m"},
            }]}]})
        };
        assert_eq!(
            shorter(&rules("30s", "15m", "1h", "5m")),
            rules("1s", "30s", "120s", "10s")
        );
    }
}
