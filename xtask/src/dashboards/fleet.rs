//! All nodes: where are zombies kept, by whom, and who cannot die.

use super::spec::{Dashboard, Limits, Look, Panel, Row, STUCK_EXITS, query};

pub(super) const FLEET: Dashboard = Dashboard {
    name: "fleet",
    title: "reapwatch / Fleet",
    about: "Which workload on which node keeps zombies, and who cannot finish dying.",
    rows: &[
        Row {
            height: 4,
            panels: &[
                Panel {
                    title: "Agents",
                    about: "Agents that Prometheus scrapes.",
                    unit: "none",
                    look: Look::Number(Limits::Below(1000)),
                    queries: &[query("agents", "sum(up{$S})")],
                },
                Panel {
                    title: "Stale zombies",
                    about: "Dead for longer than the stale threshold, and collected by nobody.",
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
                    about: "How long the oldest zombie has lain; 0 while there is none.",
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
                    title: "Fullest PID space",
                    about: "Used part of the PIDs, of the node or cgroup that is fullest. At 100 % every fork fails.",
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
                    about: "Processes that die per second.",
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
                    title: "Who keeps zombies",
                    about: "Workloads with the most stale zombies. The zombies belong to them; `reapwatch culprits` on the node names the parent.",
                    unit: "none",
                    look: Look::Table,
                    queries: &[query(
                        "",
                        "topk(20, sum by (instance, namespace, pod, container, unit) (reapwatch_stale_zombies{$S}))",
                    )],
                },
                Panel {
                    title: "Why they are not reaped",
                    about: "Processes that hold stale zombies, by verdict. The runbook says what to do about each.",
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
                    about: "Dead and not collected. A line that only rises is a leak.",
                    unit: "none",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "sum by (instance) (reapwatch_zombies{$S})",
                    )],
                },
                Panel {
                    title: "Exits by node",
                    about: "Processes that die per second. A jump is often a crash loop or a shell script in a loop.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "sum by (instance) (rate(reapwatch_exits_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "PIDs used",
                    about: "Used part of the PIDs, zombies and threads included. At 100 % every fork fails.",
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
                    title: "Zombie time, 99th percentile",
                    about: "From death to being reaped. High: parents are slow to wait.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "histogram_quantile(0.99, sum by (instance, le) (rate(reapwatch_zombie_duration_seconds_bucket{$S}[$__rate_interval])))",
                    )],
                },
                Panel {
                    title: "Exit latency, 99th percentile",
                    about: "From the first step of an exit to death. High: much memory to give back, slow files, core dumps.",
                    unit: "s",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "histogram_quantile(0.99, sum by (instance, le) (rate(reapwatch_exit_duration_seconds_bucket{$S}[$__rate_interval])))",
                    )],
                },
                Panel {
                    title: "From kill to death, 99th percentile",
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
