//! How full the PID tables are. The node's is read on demand, those of cgroups on a thread of their
//! own.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::Duration,
};

use super::core::Agent;
use crate::host::cgroups::Mounts;
use crate::host::pids;
use crate::metrics::Labels;
use crate::probes;
use model::pids::{History, Refusals, Scope, Usage, Walk, usages};

/// How often cgroups are read for the metrics.
pub(super) const IN_BACKGROUND_NS: u64 = 10_000_000_000;
/// The same while a client watches.
pub(super) const WHILE_ASKED_NS: u64 = 2_000_000_000;
/// How long the start waits for the first walk.
const FIRST: Duration = Duration::from_millis(200);

/// What is known about the PID tables.
#[derive(Debug, Default)]
pub(super) struct PidTables {
    cgroups: Vec<Usage>,
    history: History,
    refusals: Refusals,
    /// When the last walk began.
    at_ns: Option<u64>,
    walking: Option<Receiver<Walk>>,
    /// When the last finished walk began.
    walked_ns: Option<u64>,
}

impl PidTables {
    /// Starts a walk over the cgroups, unless one is running or the last one is recent.
    fn begin(&mut self, age_ns: u64, now_ns: u64) {
        let fresh = self
            .at_ns
            .is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < age_ns);
        if fresh || self.walking.is_some() {
            return;
        }
        self.at_ns = Some(now_ns);
        let (found, walking) = channel();
        let thread = thread::Builder::new().name("reapwatch-pids".to_owned());
        // Nobody listens any more when sending fails.
        let walk = move || drop(found.send(pids::cgroups(&Mounts::find())));
        match thread.spawn(walk) {
            Ok(_) => self.walking = Some(walking),
            Err(error) => log::warn!("cannot start the thread that reads cgroups: {error}"),
        }
    }
}

impl Agent {
    /// Walks the cgroups once, so that the first answer has them.
    pub(super) fn begin_pids(&mut self) {
        self.pids.begin(0, probes::now_ns());
        let walk = self.pids.walking.as_ref();
        if let Some(walk) = walk.and_then(|walking| walking.recv_timeout(FIRST).ok()) {
            self.end_walk(&walk);
        }
    }

    /// Whether a walk that began at this moment or later is done; if none has begun, starts one.
    pub(super) fn has_looked_at_pids(&mut self, since_ns: u64) -> bool {
        self.look_at_pids(u64::MAX);
        let has_looked = self.pids.walked_ns.is_some_and(|at_ns| at_ns >= since_ns);
        if !has_looked && self.pids.at_ns.is_none_or(|at_ns| at_ns < since_ns) {
            self.pids.begin(0, probes::now_ns());
        }
        has_looked
    }

    /// Takes the results of a walk, and starts another if it is due.
    pub(super) fn look_at_pids(&mut self, age_ns: u64) {
        let walk = self.pids.walking.as_ref().map(Receiver::try_recv);
        match walk {
            Some(Ok(walk)) => self.end_walk(&walk),
            Some(Err(TryRecvError::Disconnected)) => self.pids.walking = None,
            Some(Err(TryRecvError::Empty)) | None => {}
        }
        self.pids.begin(age_ns, probes::now_ns());
    }

    fn end_walk(&mut self, walk: &Walk) {
        let now_ns = probes::now_ns();
        for (id, refused) in self.pids.refusals.more(walk) {
            let workload = self.state.workloads.cgroup(id);
            let labels = Labels::of(workload.map(|it| &**it));
            self.metrics.refused_forks(&labels, refused, now_ns);
        }
        let zombies = self.state.lifecycle.zombies().map(|record| record.cgroups);
        let mut found = usages(walk, &zombies.collect::<Vec<_>>());
        for usage in &mut found {
            usage.leaked_per_second = self.leak(now_ns, usage);
        }
        let node = self.node_pids(now_ns);
        let looked: Vec<_> = found.iter().cloned().chain(node).collect();
        self.pids.history.add(now_ns, &looked);
        self.pids.cgroups = found;
        self.pids.walking = None;
        self.pids.walked_ns = self.pids.at_ns;
    }

    fn leak(&self, now_ns: u64, usage: &Usage) -> Option<f64> {
        self.pids.history.leak(now_ns, &usage.scope, usage.zombies?)
    }

    fn node_pids(&self, now_ns: u64) -> Option<Usage> {
        let mut node = Usage {
            scope: Scope::Node,
            cgroup: None,
            used: pids::node_used()?,
            limit: pids::node_limit()?,
            zombies: Some(self.state.lifecycle.zombies().count() as u64),
            leaked_per_second: None,
            refused: None,
        };
        node.leaked_per_second = self.leak(now_ns, &node);
        Some(node)
    }

    /// The node first, then the cgroups with a limit, fullest first.
    pub(super) fn pid_usages(&self) -> Vec<Usage> {
        let node = self.node_pids(probes::now_ns());
        node.into_iter()
            .chain(self.pids.cgroups.iter().cloned())
            .collect()
    }
}
