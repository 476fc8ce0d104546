//! One node: how processes die on it, and who does not reap.

use super::spec::{Dashboard, Limits, Look, Panel, Row, STUCK_EXITS, query};

pub(super) const NODE: Dashboard = Dashboard {
    name: "node",
    title: "reapwatch / Node",
    about: "How processes die on a node, how long they stay zombies, and which parents do not \
            reap.",
    rows: &[
        Row {
            height: 4,
            panels: &[
                Panel {
                    title: "Zombies",
                    about: "Current zombies.",
                    unit: "none",
                    look: Look::Number(Limits::None),
                    queries: &[query("zombies", "sum(reapwatch_zombies{$S})")],
                },
                Panel {
                    title: "Stale zombies",
                    about: "Zombies older than the stale threshold.",
                    unit: "none",
                    look: Look::Number(Limits::At {
                        orange: 1000,
                        red: 10_000,
                    }),
                    queries: &[query("stale", "sum(reapwatch_stale_zombies{$S})")],
                },
                STUCK_EXITS,
                Panel {
                    title: "PIDs used",
                    about: "PIDs in use on the node, including threads and zombies.",
                    unit: "none",
                    look: Look::Number(Limits::None),
                    queries: &[query("used", "sum(reapwatch_pids_used{$S,scope=\"node\"})")],
                },
                Panel {
                    title: "PIDs left",
                    about: "PIDs left before fork fails.",
                    unit: "none",
                    look: Look::Number(Limits::Below(1_000_000)),
                    queries: &[query(
                        "left",
                        "min(reapwatch_pids_limit{$S,scope=\"node\"} - reapwatch_pids_used{$S,scope=\"node\"})",
                    )],
                },
                Panel {
                    title: "Reaped late",
                    about: "Share of reaped processes that had been zombies for longer than the \
                            stale threshold.",
                    unit: "percentunit",
                    look: Look::Number(Limits::At {
                        orange: 50,
                        red: 200,
                    }),
                    queries: &[query(
                        "late",
                        "sum(rate(reapwatch_reaped_late_total{$S}[$__rate_interval])) / sum(rate(reapwatch_reaped_total{$S}[$__rate_interval]))",
                    )],
                },
            ],
        },
        Row {
            height: 9,
            panels: &[
                Panel {
                    title: "Zombie time",
                    about: "Reaped processes by zombie time. Bright cells high up: parents that \
                            wait late.",
                    unit: "s",
                    look: Look::Heat,
                    queries: &[query(
                        "{{le}}",
                        "sum by (le) (increase(reapwatch_zombie_duration_seconds_bucket{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Exit latency",
                    about: "Exits by exit latency. Bright cells high up: memory, files or core \
                            dumps.",
                    unit: "s",
                    look: Look::Heat,
                    queries: &[query(
                        "{{le}}",
                        "sum by (le) (increase(reapwatch_exit_duration_seconds_bucket{$S}[$__rate_interval]))",
                    )],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "Zombies over time",
                    about: "All zombies, and stale ones. A gap between the lines is normal; a \
                            rising stale line is a leak.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[
                        query("zombies", "sum(reapwatch_zombies{$S})"),
                        query("stale", "sum(reapwatch_stale_zombies{$S})"),
                    ],
                },
                Panel {
                    title: "Parents that do not reap",
                    about: "Stale zombies by the name of the process that has to reap them.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[query(
                        "{{comm}}",
                        "sum by (comm) (reapwatch_parent_stale_zombies{$S})",
                    )],
                },
                Panel {
                    title: "Why they do not reap",
                    about: "Processes that hold stale zombies, by verdict.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[query(
                        "{{verdict}}",
                        "sum by (verdict) (reapwatch_culprits{$S}) > 0",
                    )],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "Exits by kind",
                    about: "Exits per second: exited, killed by a signal, killed with a core dump.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{kind}}",
                        "sum by (kind) (rate(reapwatch_exits_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Busiest workloads",
                    about: "Exits per second of the workloads with the most exits.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{namespace}}/{{pod}} {{container}}{{unit}}",
                        "topk(10, sum by (namespace, pod, container, unit) (rate(reapwatch_exits_total{$S}[$__rate_interval])))",
                    )],
                },
                Panel {
                    title: "From kill to exit",
                    about: "p50 and p99, by signal.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[
                        query(
                            "{{signal}} p50",
                            "histogram_quantile(0.5, sum by (signal, le) (rate(reapwatch_kill_duration_seconds_bucket{$S}[$__rate_interval])))",
                        ),
                        query(
                            "{{signal}} p99",
                            "histogram_quantile(0.99, sum by (signal, le) (rate(reapwatch_kill_duration_seconds_bucket{$S}[$__rate_interval])))",
                        ),
                    ],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "Average zombies",
                    about: "Zombie time of reaped processes per second, which equals the average \
                            number of zombies.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[query(
                        "average zombies",
                        "sum(rate(reapwatch_zombie_seconds_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Age of the oldest zombie",
                    about: "By workload. A line that rises steadily is a zombie that is never \
                            reaped.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{namespace}}/{{pod}} {{container}}{{unit}}",
                        "time() - min by (namespace, pod, container, unit) (reapwatch_oldest_zombie_timestamp_seconds{$S})",
                    )],
                },
                Panel {
                    title: "PIDs",
                    about: "PIDs used and limit, for the node and for each cgroup that has a \
                            limit.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[
                        query("used {{scope}}", "reapwatch_pids_used{$S}"),
                        query("limit {{scope}}", "reapwatch_pids_limit{$S}"),
                    ],
                },
            ],
        },
    ],
};
