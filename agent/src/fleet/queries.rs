//! Queries to Prometheus: one for nodes and one for workloads, so that all values in a frame have
//! the same time. The label `part` names each part of a query.

/// The labels that identify a scraped agent.
const AGENT: &str = "cluster, job, instance, node";

/// The labels that identify a workload of a scraped agent.
fn workload() -> String {
    format!("{AGENT}, namespace, pod, container, unit")
}

fn by_agent(aggregation: &str, series: &str) -> String {
    format!("{aggregation} by ({AGENT}) ({series})")
}

fn by_workload(aggregation: &str, series: &str) -> String {
    format!("{aggregation} by ({}) ({series})", workload())
}

/// Everything about nodes.
pub(super) fn nodes() -> String {
    let up = "up{job=~\".*reapwatch.*\"} or \
              up and on (job, instance) last_over_time(reapwatch_build_info[1h])";
    let seen = "max_over_time(timestamp(reapwatch_build_info)[1h:1m])";
    let p99 = format!(
        "histogram_quantile(0.99, sum by ({AGENT}, le) \
         (rate(reapwatch_zombie_duration_seconds_bucket[5m]))) or \
         histogram_quantile(0.99, sum by ({AGENT}) \
         (rate(reapwatch_zombie_duration_seconds[5m])))"
    );
    let culprits = format!("sum by ({}, verdict) (reapwatch_culprits) > 0", workload());
    joined(&[
        ("now", "vector(time())".to_owned()),
        (
            "known",
            by_agent("group", "last_over_time(reapwatch_build_info[1h])"),
        ),
        // Includes targets that never answered, if the name of their job has `reapwatch` in it.
        ("up", by_agent("min", up)),
        ("scraped", "timestamp(reapwatch_build_info)".to_owned()),
        ("seen", by_agent("max", seen)),
        ("zombies", by_agent("sum", "reapwatch_zombies")),
        ("stale", by_agent("sum", "reapwatch_stale_zombies")),
        (
            "oldest",
            by_agent("min", "reapwatch_oldest_zombie_timestamp_seconds"),
        ),
        ("exits", by_agent("sum", "rate(reapwatch_exits_total[5m])")),
        // Native histograms have no buckets.
        ("p99", p99),
        ("stuck", by_agent("sum", "reapwatch_stuck_exits")),
        (
            "pids_used",
            by_agent("max", "reapwatch_pids_used{scope=\"node\"}"),
        ),
        (
            "pids_limit",
            by_agent("max", "reapwatch_pids_limit{scope=\"node\"}"),
        ),
        ("lost", by_agent("sum", "reapwatch_events_lost_total")),
        ("culprits", culprits),
        ("judged", by_agent("group", "reapwatch_culprits")),
    ])
}

/// Everything about workloads.
pub(super) fn workloads() -> String {
    let sum = |series| by_workload("sum", series);
    let zombies = sum("reapwatch_zombies") + " > 0";
    let exits = sum("rate(reapwatch_exits_total[5m])");
    let busiest = format!("topk(1000, {exits} > 0)");
    let with_zombies = format!("{exits} and on ({}) ({zombies})", workload());
    let late = format!(
        "{} / ({} > 0)",
        sum("rate(reapwatch_reaped_late_total[15m])"),
        sum("rate(reapwatch_reaped_total[15m])")
    );
    joined(&[
        ("zombies", zombies),
        ("exits", format!("{busiest} or {with_zombies}")),
        ("stale", sum("reapwatch_stale_zombies") + " > 0"),
        ("stuck", sum("reapwatch_stuck_exits") + " > 0"),
        ("growth", sum("deriv(reapwatch_stale_zombies[15m])")),
        (
            "oldest",
            by_workload("min", "reapwatch_oldest_zombie_timestamp_seconds"),
        ),
        ("late", late),
    ])
}

fn joined(parts: &[(&str, String)]) -> String {
    let named = parts
        .iter()
        .map(|(name, query)| format!(r#"label_replace({query},"part","{name}","","")"#));
    named.collect::<Vec<_>>().join(" or ")
}

/// Encodes a query for a URL.
pub(super) fn encoded(query: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in query.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("to a string");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_fit_into_a_request_line() {
        for query in [nodes(), workloads()] {
            // nginx and Apache accept 8 KiB.
            assert!(encoded(&query).len() < 7000, "{}", encoded(&query).len());
        }
    }

    #[test]
    fn reserved_characters_are_percent_encoded() {
        assert_eq!(
            encoded("a{b=\"1\"} & +%"),
            "a%7Bb%3D%221%22%7D%20%26%20%2B%25"
        );
    }
}
