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
    pub(super) pids_refused: IntCounterVec,
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
        let to = Registered(Registry::new());
        to.0.register(Box::new(ProcessCollector::for_self()))
            .expect("the registry is still empty");
        let [namespace, pod, container, unit] = NAMES;
        let and_kind = [namespace, pod, container, unit, "kind"];
        let and_comm = [namespace, pod, container, unit, "comm"];
        let and_scope = [namespace, pod, container, unit, "scope"];
        let and_verdict = [namespace, pod, container, unit, "verdict"];
        Self {
            exit_duration: to.histogram(
                "exit_duration_seconds",
                EXIT_BUCKETS,
                "Exit latency of finished deaths: from the kernel entry of the process's exit \
                 (do_exit of a group that is going) to its parent being told (do_notify_parent). \
                 Without deaths of which either moment was not seen, and without processes still \
                 on their way out.",
            ),
            zombie_duration: to.histograms(
                "zombie_duration_seconds",
                ZOMBIE_BUCKETS,
                &["how"],
                "Zombie time of finished deaths, by who ended it: from the parent being told \
                 (do_notify_parent) to the release (release_task); 0 where the kernel released it \
                 at once. Without deaths of which either moment is only a bound, and without \
                 zombies still unreaped: those are in reapwatch_zombies.",
            ),
            kill_duration: to.histograms(
                "kill_duration_seconds",
                KILL_BUCKETS,
                &["signal"],
                "Time to die of killed processes, by signal: from the sending of the fatal signal \
                 (signal_generate) to the parent being told (do_notify_parent). Without deaths of \
                 which either moment was not seen, without signals that did not kill, and without \
                 processes that still live.",
            ),
            exit_steps: to.sums(
                "exit_step_seconds_total",
                &["step"],
                "Where the exit latency of finished deaths went, by step; measured only with \
                 --steps. Without steps that this kernel's hooks cannot tell. The time of a core \
                 dump comes before the exit latency.",
            ),
            exits: to.counters(
                "exits_total",
                &and_kind,
                "Processes that died, by where they belonged at death and by how they ended, \
                 counted when their parent is told (do_notify_parent). One whose record found the \
                 ring full was counted in the kernel and stands under ~unattributed, as does one \
                 whose cgroup nobody could name: the sum of all groups misses none. Without \
                 threads that end inside a living process.",
            ),
            reaped: to.counters(
                "reaped_total",
                &NAMES,
                "Processes released (release_task), auto-reaped ones included, by where they \
                 belonged at death. A death whose record was lost counts under ~unattributed as \
                 reaped unless a snapshot finds it unreaped.",
            ),
            reaped_late: to.counters(
                "reaped_late_total",
                &NAMES,
                "Processes that were reaped only after they had been zombies for longer than the \
                 stale threshold. Without those of which only an upper bound of the reap is known.",
            ),
            zombie_seconds: to.sums(
                "zombie_seconds_total",
                &NAMES,
                "Sum of the zombie time of reaped processes; of one found dead, from when it was \
                 dead at the latest. Without those of which only an upper bound of the reap is \
                 known, and without zombies still unreaped.",
            ),
            zombies: to.gauges(
                "zombies",
                &NAMES,
                "Processes that are dead and unreaped now, by where they belonged at death. \
                 Without a leader thread that ended while its siblings live: it cannot be reaped.",
            ),
            stale_zombies: to.gauges(
                "stale_zombies",
                &NAMES,
                "Those of reapwatch_zombies that have been dead for longer than the stale \
                 threshold.",
            ),
            oldest_zombie: to.times(
                "oldest_zombie_timestamp_seconds",
                &NAMES,
                "When the oldest zombie died, as Unix time; of one found dead, when it was dead at \
                 the latest. Absent while there is no zombie.",
            ),
            parent_stale_zombies: to.gauges(
                "parent_stale_zombies",
                &and_comm,
                "Stale zombies by the name of the process that must reap them and by where that \
                 process belongs: the 20 with the most, the others summed under ~other.",
            ),
            lookups_failed: to.counters(
                "workload_lookups_failed_total",
                &["reason"],
                "Lookups of a workload that failed, by reason: the cgroup and all in it were gone \
                 (gone), too many lookups were under way (busy), no source had a name for a \
                 container, which is then shown by its id (unnamed). With --cri-endpoint also: the \
                 container runtime could not be reached (cri_disconnected), refused \
                 (cri_forbidden), did not answer in time (cri_slow), said what cannot be read \
                 (cri_malformed) or that it failed (cri_server).",
            ),
            pod_watch_up: to.gauges(
                "pod_watch_up",
                &[],
                "Whether the API server tells of changes of the node's pods now: 1 or 0; no series \
                 where pods are not watched.",
            ),
            pod_watch_failures: to.counters(
                "pod_watch_failures_total",
                &["reason"],
                "How often the watch on the node's pods had to begin again, by reason: no right to \
                 watch pods (forbidden), the server no longer knew what was missed and all were \
                 listed again (expired), an answer that cannot be read (malformed), no connection \
                 or a broken one (disconnected), no answer in time (slow), another error of the \
                 server (server). Without the regular end of each watch after some minutes.",
            ),
            culprits: to.gauges(
                "culprits",
                &and_verdict,
                "Processes that hold zombies older than 2 s, by where they belong and why they do \
                 not reap them; unexplained where no rule fits. Judged every 10 s, and the 32 \
                 processes with the most zombies at most. Each verdict has a series at 0 with \
                 empty names.",
            ),
            stuck_exits: to.gauges(
                "stuck_exits",
                &NAMES,
                "Processes that were killed or began to exit more than 5 s ago and are neither \
                 dead nor zombies. As of some seconds ago.",
            ),
            pids_used: to.gauges(
                "pids_used",
                &and_scope,
                "PIDs in use: those of processes, their threads and zombies; of the node, and of \
                 each cgroup with a limit and those below it (the 255 fullest, a long path by its \
                 end). A cgroup inside another counts in both, so that sums mean nothing.",
            ),
            pids_limit: to.gauges(
                "pids_limit",
                &and_scope,
                "PIDs that can be in use at once before fork fails: the smaller of pid_max and \
                 threads-max, or pids.max of a cgroup.",
            ),
            pids_zombies: to.gauges("pids_zombies", &and_scope, "Zombies among the PIDs in use."),
            pids_refused: to.counters(
                "pids_refused_total",
                &NAMES,
                "Forks that pids.max of a cgroup refused (pids.events), by where the cgroup \
                 belongs. From Linux 6.11 on in hierarchies of version 2 that is the cgroup whose \
                 limit was hit, else the one that forked. Read every 10 s. Without forks refused \
                 before the agent started, and without those refused by the node's own limits.",
            ),
            events: to.counters(
                "events_total",
                &["event"],
                "Events that the agent took in. Without lost ones.",
            ),
            events_lost: to.counters(
                "events_lost_total",
                &["reason"],
                "Events lost, by reason: the ring to user space was full (ring_full), the kernel \
                 side could not remember a process's forker, killer or start of exit (tasks_full), \
                 a record could not be decoded (malformed), the kernel skipped a run of a probe \
                 because one was under way on that CPU (skipped_runs). The counters of exits and \
                 reaps do not suffer; histograms miss the deaths concerned.",
            ),
            probe_info: to.gauges(
                "probe_info",
                &["probe", "hook"],
                "1 for each attached probe and the hook it uses.",
            ),
            corrections: to.counters(
                "reconcile_corrections_total",
                &["kind"],
                "What the agent had to put right in its own view of the processes, by kind.",
            ),
            build_info: to.gauges(
                "build_info",
                &["version", "arch"],
                "1, labelled with the version of the agent and the machine it was built for.",
            ),
            registry: to.0,
        }
    }
}

/// Makes metrics and registers them. Their names and buckets are constants of this file, so a
/// refusal is a slip in it that the first test finds.
struct Registered(Registry);

impl Registered {
    fn histogram(&self, name: &str, buckets: &[f64], help: &str) -> Histogram {
        self.add(Histogram::with_opts(bucketed(name, buckets, help)))
    }

    fn histograms(&self, name: &str, buckets: &[f64], labels: &[&str], help: &str) -> HistogramVec {
        self.add(HistogramVec::new(bucketed(name, buckets, help), labels))
    }

    fn counters(&self, name: &str, labels: &[&str], help: &str) -> IntCounterVec {
        self.add(IntCounterVec::new(named(name, help), labels))
    }

    /// Counters of seconds.
    fn sums(&self, name: &str, labels: &[&str], help: &str) -> CounterVec {
        self.add(CounterVec::new(named(name, help), labels))
    }

    fn gauges(&self, name: &str, labels: &[&str], help: &str) -> IntGaugeVec {
        self.add(IntGaugeVec::new(named(name, help), labels))
    }

    /// Gauges of moments.
    fn times(&self, name: &str, labels: &[&str], help: &str) -> GaugeVec {
        self.add(GaugeVec::new(named(name, help), labels))
    }

    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("each metric above is well formed");
        self.0
            .register(Box::new(collector.clone()))
            .expect("each metric above has its own name");
        collector
    }
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("reapwatch")
}

fn bucketed(name: &str, buckets: &[f64], help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help)
        .namespace("reapwatch")
        .buckets(buckets.to_vec())
}
