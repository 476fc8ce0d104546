//! Every metric's name, kind, labels, buckets and help.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry,
};

use super::groups::NAMES;

const EXIT_BUCKETS: &[f64] = &[
    1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
];
const ZOMBIE_BUCKETS: &[f64] = &[
    1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0,
    3600.0,
];
const KILL_BUCKETS: &[f64] = &[
    1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
];

/// All metrics, registered in a registry of their own.
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) exit_duration: Histogram,
    pub(super) zombie_duration: HistogramVec,
    pub(super) kill_duration: HistogramVec,
    pub(super) exit_steps: CounterVec,
    pub(super) exits: IntCounterVec,
    pub(super) reaped: IntCounterVec,
    pub(super) reaped_late: IntCounterVec,
    pub(super) zombie_seconds: CounterVec,
    pub(super) zombies: IntGaugeVec,
    pub(super) stale_zombies: IntGaugeVec,
    pub(super) oldest_zombie: GaugeVec,
    pub(super) parent_stale_zombies: IntGaugeVec,
    pub(super) culprits: IntGaugeVec,
    pub(super) stuck_exits: IntGaugeVec,
    pub(super) pids_used: IntGaugeVec,
    pub(super) pids_limit: IntGaugeVec,
    pub(super) pids_zombies: IntGaugeVec,
    pub(super) events: IntCounterVec,
    pub(super) events_lost: IntCounterVec,
    pub(super) lookups_failed: IntCounterVec,
    pub(super) pod_watch_up: IntGaugeVec,
    pub(super) pod_watch_failures: IntCounterVec,
    pub(super) probe_info: IntGaugeVec,
    pub(super) corrections: IntCounterVec,
    pub(super) build_info: IntGaugeVec,
}

impl Families {
    #[expect(clippy::too_many_lines, reason = "a list: one entry per metric")]
    pub(super) fn register() -> Self {
        let registry = Registry::new();
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("the registry is still empty");
        let to = &registry;
        let [namespace, pod, container, unit] = NAMES;
        let and_kind = [namespace, pod, container, unit, "kind"];
        let and_comm = [namespace, pod, container, unit, "comm"];
        let and_scope = [namespace, pod, container, unit, "scope"];
        let and_verdict = [namespace, pod, container, unit, "verdict"];
        Self {
            exit_duration: add(
                to,
                Histogram::with_opts(histogram(
                    "exit_duration_seconds",
                    EXIT_BUCKETS,
                    "Exit latency of finished deaths: from the kernel entry of the process's exit \
                 (do_exit of a group that is going) to its parent being told (do_notify_parent). \
                 Without deaths of which either moment was not seen, and without processes still \
                 on their way out.",
                )),
            ),
            zombie_duration: add(
                to,
                HistogramVec::new(
                    histogram(
                        "zombie_duration_seconds",
                        ZOMBIE_BUCKETS,
                        "Zombie time of finished deaths, by who ended it: from the parent being told \
                 (do_notify_parent) to the release (release_task); 0 where the kernel released \
                 it at once. Without deaths of which either moment is only a bound, and without \
                 zombies still unreaped: those are in reapwatch_zombies.",
                    ),
                    &["how"],
                ),
            ),
            kill_duration: add(
                to,
                HistogramVec::new(
                    histogram(
                        "kill_duration_seconds",
                        KILL_BUCKETS,
                        "Time to die of killed processes, by signal: from the sending of the fatal \
                 signal (signal_generate) to the parent being told (do_notify_parent). Without \
                 deaths of which either moment was not seen, without signals that did not kill, \
                 and without processes that still live.",
                    ),
                    &["signal"],
                ),
            ),
            exit_steps: add(
                to,
                CounterVec::new(
                    opts(
                        "exit_step_seconds_total",
                        "Where the exit latency of finished deaths went, by step; measured only with --steps. \
                 Without steps that this kernel's hooks cannot tell. The time of a core dump comes \
                 before the exit latency.",
                    ),
                    &["step"],
                ),
            ),
            exits: add(
                to,
                IntCounterVec::new(
                    opts(
                        "exits_total",
                        "Processes that died, by where they belonged at death and by how they ended, \
                 counted when their parent is told (do_notify_parent). One whose record found the ring \
                 full was counted in the kernel and stands under ~unattributed, as does one whose \
                 cgroup nobody could name: the sum of all groups misses none. Without threads that end \
                 inside a living process.",
                    ),
                    &and_kind,
                ),
            ),
            reaped: add(
                to,
                IntCounterVec::new(
                    opts(
                        "reaped_total",
                        "Processes released (release_task), auto-reaped ones included, by where they \
                 belonged at death. A death whose record was lost counts under ~unattributed as \
                 reaped unless a snapshot finds it unreaped.",
                    ),
                    &NAMES,
                ),
            ),
            reaped_late: add(
                to,
                IntCounterVec::new(
                    opts(
                        "reaped_late_total",
                        "Processes that were reaped only after they had been zombies for longer than the \
                 stale threshold. Without those of which only an upper bound of the reap is known.",
                    ),
                    &NAMES,
                ),
            ),
            zombie_seconds: add(
                to,
                CounterVec::new(
                    opts(
                        "zombie_seconds_total",
                        "Sum of the zombie time of reaped processes; of one found dead, from when it was \
                 dead at the latest. Without those of which only an upper bound of the reap is known, and \
                 without zombies still unreaped.",
                    ),
                    &NAMES,
                ),
            ),
            zombies: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "zombies",
                        "Processes that are dead and unreaped now, by where they belonged at death. \
                 Without a leader thread that ended while its siblings live: it cannot be reaped.",
                    ),
                    &NAMES,
                ),
            ),
            stale_zombies: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "stale_zombies",
                        "Those of reapwatch_zombies that have been dead for longer than the stale \
                 threshold.",
                    ),
                    &NAMES,
                ),
            ),
            oldest_zombie: add(
                to,
                GaugeVec::new(
                    opts(
                        "oldest_zombie_timestamp_seconds",
                        "When the oldest zombie died, as Unix time; of one found dead, when it was \
                 dead at the latest. Absent while there is no zombie.",
                    ),
                    &NAMES,
                ),
            ),
            parent_stale_zombies: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "parent_stale_zombies",
                        "Stale zombies by the name of the process that must reap them and by where that \
                 process belongs: the 20 with the most, the others summed under ~other.",
                    ),
                    &and_comm,
                ),
            ),
            lookups_failed: add(
                to,
                IntCounterVec::new(
                    opts(
                        "workload_lookups_failed_total",
                        "Lookups of a workload that failed, by reason: the cgroup and all in it were gone \
                 (gone), too many lookups were under way (busy), no source had a name for a container, \
                 which is then shown by its id (unnamed). With --cri-endpoint also: the container \
                 runtime could not be reached (cri_disconnected), refused (cri_forbidden), did not \
                 answer in time (cri_slow), said what cannot be read (cri_malformed) or that it failed \
                 (cri_server).",
                    ),
                    &["reason"],
                ),
            ),
            pod_watch_up: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "pod_watch_up",
                        "Whether the API server tells of changes of the node's pods now: 1 or 0; \
                         no series where pods are not watched.",
                    ),
                    &[],
                ),
            ),
            pod_watch_failures: add(
                to,
                IntCounterVec::new(
                    opts(
                        "pod_watch_failures_total",
                        "How often the watch on the node's pods had to begin again, by reason: no right \
                         to watch pods (forbidden), the server no longer knew what was missed and all \
                         were listed again (expired), an answer that cannot be read (malformed), \
                         no connection or a broken one (disconnected), no answer in time (slow), \
                         another error of the server (server). Without the regular end of each \
                         watch after some minutes.",
                    ),
                    &["reason"],
                ),
            ),
            culprits: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "culprits",
                        "Processes that hold zombies older than 2 s, by where they belong and why they \
                 do not reap them; unexplained where no rule fits. Judged every 10 s, and the 32 \
                 processes with the most zombies at most. Each verdict has a series at 0 with empty \
                 names.",
                    ),
                    &and_verdict,
                ),
            ),
            stuck_exits: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "stuck_exits",
                        "Processes that were killed or began to exit more than 5 s ago and are \
                         neither dead nor zombies. As of some seconds ago.",
                    ),
                    &NAMES,
                ),
            ),
            pids_used: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "pids_used",
                        "PIDs in use: those of processes, their threads and zombies; of the node, \
                 and of each cgroup with a limit and those below it (the 255 fullest, a long path \
                 by its end). A cgroup inside another counts in both, so that sums mean nothing.",
                    ),
                    &and_scope,
                ),
            ),
            pids_limit: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "pids_limit",
                        "PIDs that can be in use at once before fork fails: the smaller of pid_max \
                 and threads-max, or pids.max of a cgroup.",
                    ),
                    &and_scope,
                ),
            ),
            pids_zombies: add(
                to,
                IntGaugeVec::new(
                    opts("pids_zombies", "Zombies among the PIDs in use."),
                    &and_scope,
                ),
            ),
            events: add(
                to,
                IntCounterVec::new(
                    opts(
                        "events_total",
                        "Events that the agent took in. Without lost ones.",
                    ),
                    &["event"],
                ),
            ),
            events_lost: add(
                to,
                IntCounterVec::new(
                    opts(
                        "events_lost_total",
                        "Events lost, by reason: the ring to user space was full (ring_full), the kernel \
                 side could not remember a process's forker, killer or start of exit \
                 (tasks_full), a record could not be decoded (malformed), the kernel skipped a run of a \
                 probe because one was under way on that CPU (skipped_runs). The counters of exits \
                 and reaps do not suffer; histograms miss the deaths concerned.",
                    ),
                    &["reason"],
                ),
            ),
            probe_info: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "probe_info",
                        "1 for each attached probe and the hook it uses.",
                    ),
                    &["probe", "hook"],
                ),
            ),
            corrections: add(
                to,
                IntCounterVec::new(
                    opts(
                        "reconcile_corrections_total",
                        "What the agent had to put right in its own view of the processes, by kind.",
                    ),
                    &["kind"],
                ),
            ),
            build_info: add(
                to,
                IntGaugeVec::new(
                    opts(
                        "build_info",
                        "1, labelled with the version of the agent and the machine it was built for.",
                    ),
                    &["version", "arch"],
                ),
            ),
            registry,
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("reapwatch")
}

fn histogram(name: &str, buckets: &[f64], help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help)
        .namespace("reapwatch")
        .buckets(buckets.to_vec())
}

/// Registers what was made. Names and buckets are constants of this file, so a refusal is a slip
/// in it that the first test finds.
fn add<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("each metric above is well formed");
    registry
        .register(Box::new(collector.clone()))
        .expect("each metric above has its own name");
    collector
}
