//! All nodes: where are zombies kept, by whom, and who cannot die.

use super::spec::{Dashboard, Limits, Look, Panel, Row, STUCK_EXITS, query};

pub(super) const FLEET: Dashboard = Dashboard {
    name: "fleet",
    title: "reapwatch / Fleet",
    about: "Which workloads on which nodes hold zombies, and which processes are stuck exiting.",
    rows: &[
        Row {
            height: 4,
            panels: &[
                Panel {
                    title: "Agents",
                    about: "Agents scraped by Prometheus.",
                    unit: "none",
                    look: Look::Number(Limits::Below(1000)),
                    queries: &[query("agents", "sum(up{$S})")],
                },
                Panel {
                    title: "Stale zombies",
                    about: "Zombies older than the stale threshold.",
                    unit: "none",
                    look: Look::Number(Limits::At {
                        orange: 1000,
                        red: 10_000,
                    }),
                    queries: &[query("zombies", "sum(reapwatch_stale_zombies{$S})")],
                },
                STUCK_EXITS,
                Panel {
                    title: "Oldest zombie",
                    about: "Age of the oldest zombie; 0 if there are none.",
                    unit: "s",
                    look: Look::Number(Limits::At {
                        orange: 60_000,
                        red: 3_600_000,
                    }),
                    queries: &[query(
                        "age",
                        "time() - min(reapwatch_oldest_zombie_timestamp_seconds{$S}) or vector(0)",
                    )],
                },
                Panel {
                    title: "Fullest PID table",
                    about: "Share of PIDs in use, of the fullest node or cgroup. At 100 % every \
                            fork fails.",
                    unit: "percentunit",
                    look: Look::Number(Limits::At {
                        orange: 700,
                        red: 900,
                    }),
                    queries: &[query(
                        "used",
                        "max(reapwatch_pids_used{$S} / reapwatch_pids_limit{$S})",
                    )],
                },
                Panel {
                    title: "Exits",
                    about: "Exits per second.",
                    unit: "ops",
                    look: Look::Number(Limits::None),
                    queries: &[query(
                        "exits",
                        "sum(rate(reapwatch_exits_total{$S}[$__rate_interval]))",
                    )],
                },
            ],
        },
        Row {
            height: 9,
            panels: &[
                Panel {
                    title: "Workloads with stale zombies",
                    about: "The 20 workloads with the most stale zombies. `reapwatch culprits` on \
                            the node names the parent.",
                    unit: "none",
                    look: Look::Table,
                    queries: &[query(
                        "",
                        "topk(20, sum by (instance, namespace, pod, container, unit) (reapwatch_stale_zombies{$S}))",
                    )],
                },
                Panel {
                    title: "Why they are not reaped",
                    about: "Processes that hold stale zombies, by verdict. The runbook has a \
                            section for each.",
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
                    title: "Zombies by node",
                    about: "Current zombies. A line that only rises is a leak.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "sum by (instance) (reapwatch_zombies{$S})",
                    )],
                },
                Panel {
                    title: "Exits by node",
                    about: "Exits per second. A jump is often a crash loop or a shell script in a \
                            loop.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "sum by (instance) (rate(reapwatch_exits_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "PIDs used",
                    about: "Share of PIDs in use, including zombies and threads. At 100 % every \
                            fork fails.",
                    unit: "percentunit",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}} {{scope}}",
                        "reapwatch_pids_used{$S} / reapwatch_pids_limit{$S}",
                    )],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "Zombie time, p99",
                    about: "From death to reap. High: parents are slow to wait.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "histogram_quantile(0.99, sum by (instance, le) (rate(reapwatch_zombie_duration_seconds_bucket{$S}[$__rate_interval])))",
                    )],
                },
                Panel {
                    title: "Exit latency, p99",
                    about: "From the start of an exit to death. High: much memory to free, slow \
                            files, core dumps.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "histogram_quantile(0.99, sum by (instance, le) (rate(reapwatch_exit_duration_seconds_bucket{$S}[$__rate_interval])))",
                    )],
                },
                Panel {
                    title: "From kill to exit, p99",
                    about: "From the fatal signal to death. Rollouts and evictions wait for this.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "histogram_quantile(0.99, sum by (instance, le) (rate(reapwatch_kill_duration_seconds_bucket{$S}[$__rate_interval])))",
                    )],
                },
            ],
        },
    ],
};
