//! Queries to Prometheus: one for nodes and one for workloads, so that all values in a frame have
//! the same time. The label `part` names each part of a query.

/// Identifies a scraped agent.
macro_rules! agent {
    () => {
        "cluster, job, instance, node"
    };
}

/// Identifies a workload of a scraped agent.
macro_rules! workload {
    () => {
        concat!(agent!(), ", namespace, pod, container, unit")
    };
}

const NODES: &[(&str, &str)] = &[
    ("now", "vector(time())"),
    (
        "known",
        concat!(
            "group by (",
            agent!(),
            ") (last_over_time(reapwatch_build_info[1h]))"
        ),
    ),
    // Includes targets that never answered, if the name of their job has `reapwatch` in it.
    (
        "up",
        concat!(
            "min by (",
            agent!(),
            ") (up{job=~\".*reapwatch.*\"} or \
         up and on (job, instance) last_over_time(reapwatch_build_info[1h]))"
        ),
    ),
    ("scraped", "timestamp(reapwatch_build_info)"),
    (
        "seen",
        concat!(
            "max by (",
            agent!(),
            ") (max_over_time(timestamp(reapwatch_build_info)[1h:1m]))"
        ),
    ),
    (
        "zombies",
        concat!("sum by (", agent!(), ") (reapwatch_zombies)"),
    ),
    (
        "stale",
        concat!("sum by (", agent!(), ") (reapwatch_stale_zombies)"),
    ),
    (
        "oldest",
        concat!(
            "min by (",
            agent!(),
            ") (reapwatch_oldest_zombie_timestamp_seconds)"
        ),
    ),
    (
        "exits",
        concat!("sum by (", agent!(), ") (rate(reapwatch_exits_total[5m]))"),
    ),
    // Native histograms have no buckets.
    (
        "p99",
        concat!(
            "histogram_quantile(0.99, sum by (",
            agent!(),
            ", le) \
         (rate(reapwatch_zombie_duration_seconds_bucket[5m]))) or \
         histogram_quantile(0.99, sum by (",
            agent!(),
            ") \
         (rate(reapwatch_zombie_duration_seconds[5m])))"
        ),
    ),
    (
        "stuck",
        concat!("sum by (", agent!(), ") (reapwatch_stuck_exits)"),
    ),
    (
        "pids_used",
        concat!(
            "max by (",
            agent!(),
            ") (reapwatch_pids_used{scope=\"node\"})"
        ),
    ),
    (
        "pids_limit",
        concat!(
            "max by (",
            agent!(),
            ") (reapwatch_pids_limit{scope=\"node\"})"
        ),
    ),
    (
        "lost",
        concat!("sum by (", agent!(), ") (reapwatch_events_lost_total)"),
    ),
    (
        "culprits",
        concat!(
            "sum by (",
            workload!(),
            ", verdict) (reapwatch_culprits) > 0"
        ),
    ),
    (
        "judged",
        concat!("group by (", agent!(), ") (reapwatch_culprits)"),
    ),
];

/// Zombies by workload.
macro_rules! zombies {
    () => {
        concat!("sum by (", workload!(), ") (reapwatch_zombies) > 0")
    };
}

macro_rules! exits {
    () => {
        concat!(
            "sum by (",
            workload!(),
            ") (rate(reapwatch_exits_total[5m]))"
        )
    };
}

const WORKLOADS: &[(&str, &str)] = &[
    ("zombies", zombies!()),
    (
        "exits",
        concat!(
            "topk(1000, ",
            exits!(),
            " > 0) or ",
            exits!(),
            " and on (",
            workload!(),
            ") (",
            zombies!(),
            ")"
        ),
    ),
    (
        "stale",
        concat!("sum by (", workload!(), ") (reapwatch_stale_zombies) > 0"),
    ),
    (
        "stuck",
        concat!("sum by (", workload!(), ") (reapwatch_stuck_exits) > 0"),
    ),
    (
        "growth",
        concat!(
            "sum by (",
            workload!(),
            ") (deriv(reapwatch_stale_zombies[15m]))"
        ),
    ),
    (
        "oldest",
        concat!(
            "min by (",
            workload!(),
            ") (reapwatch_oldest_zombie_timestamp_seconds)"
        ),
    ),
    (
        "late",
        concat!(
            "sum by (",
            workload!(),
            ") (rate(reapwatch_reaped_late_total[15m])) / \
         (sum by (",
            workload!(),
            ") (rate(reapwatch_reaped_total[15m])) > 0)"
        ),
    ),
];

/// Everything about nodes.
pub(super) fn nodes() -> String {
    joined(NODES)
}

/// Everything about workloads.
pub(super) fn workloads() -> String {
    joined(WORKLOADS)
}

fn joined(parts: &[(&str, &str)]) -> String {
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
