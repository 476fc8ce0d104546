//! The agents themselves: do they see everything, and what do they cost.

use super::spec::{Dashboard, Limits, Look, Panel, Row, query};

pub(super) const HEALTH: Dashboard = Dashboard {
    name: "agent",
    title: "reapwatch / Agent",
    about: "Whether the agents miss anything, and what they cost.",
    rows: &[
        Row {
            height: 4,
            panels: &[
                Panel {
                    title: "Agents up",
                    about: "Agents scraped by Prometheus.",
                    unit: "none",
                    look: Look::Number(Limits::Below(1000)),
                    queries: &[query("up", "sum(up{$S})")],
                },
                Panel {
                    title: "Lost events",
                    about: "Events lost per second. Counters stay exact; histograms miss deaths.",
                    unit: "ops",
                    look: Look::Number(Limits::At {
                        orange: 1,
                        red: 1000,
                    }),
                    queries: &[query(
                        "lost",
                        "sum(rate(reapwatch_events_lost_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "CPU",
                    about: "CPUs used by the busiest agent.",
                    unit: "percentunit",
                    look: Look::Number(Limits::At {
                        orange: 50,
                        red: 200,
                    }),
                    queries: &[query(
                        "cpu",
                        "max(rate(process_cpu_seconds_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Memory",
                    about: "Resident memory of the largest agent.",
                    unit: "bytes",
                    look: Look::Number(Limits::At {
                        orange: 100_000_000,
                        red: 200_000_000,
                    }),
                    queries: &[query("memory", "max(process_resident_memory_bytes{$S})")],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "Events",
                    about: "Events per second received by the agents, by kind.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{event}}",
                        "sum by (event) (rate(reapwatch_events_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Lost, by reason",
                    about: "Events lost per second. The runbook explains each reason.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{reason}}",
                        "sum by (reason) (rate(reapwatch_events_lost_total{$S}[$__rate_interval]))",
                    )],
                },
                Panel {
                    title: "Corrections",
                    about: "Corrections per second after comparing with the process table.",
                    unit: "ops",
                    look: Look::Lines,
                    queries: &[query(
                        "{{kind}}",
                        "sum by (kind) (rate(reapwatch_reconcile_corrections_total{$S}[$__rate_interval]))",
                    )],
                },
            ],
        },
        Row {
            height: 9,
            panels: &[
                Panel {
                    title: "Probes",
                    about: "The hook of each transition, with the number of nodes. fentry is best; \
                            tracepoint measures least.",
                    unit: "none",
                    look: Look::Table,
                    queries: &[query(
                        "",
                        "count by (probe, hook) (reapwatch_probe_info{$S})",
                    )],
                },
                Panel {
                    title: "Versions",
                    about: "Agent versions in use, with the number of nodes.",
                    unit: "none",
                    look: Look::Table,
                    queries: &[query(
                        "",
                        "count by (version, arch) (reapwatch_build_info{$S})",
                    )],
                },
            ],
        },
        Row {
            height: 8,
            panels: &[
                Panel {
                    title: "CPU by agent",
                    about: "In CPUs.",
                    unit: "percentunit",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "rate(process_cpu_seconds_total{$S}[$__rate_interval])",
                    )],
                },
                Panel {
                    title: "Memory by agent",
                    about: "Resident memory.",
                    unit: "bytes",
                    look: Look::Lines,
                    queries: &[query("{{instance}}", "process_resident_memory_bytes{$S}")],
                },
                Panel {
                    title: "Open files by agent",
                    about: "Share of the file descriptor limit in use.",
                    unit: "percentunit",
                    look: Look::Lines,
                    queries: &[query(
                        "{{instance}}",
                        "process_open_fds{$S} / process_max_fds{$S}",
                    )],
                },
            ],
        },
    ],
};
