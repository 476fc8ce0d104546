//! How full the PID tables are. A helper thread reads them.

use super::job::Job;
use crate::host::cgroups::Mounts;
use crate::host::pids::{self, Node};
use model::events::{CgroupId, CgroupIds};
use model::pids::{History, Refusals, Scope, Usage, Walk, usages};

/// How often cgroups are read for the metrics.
pub(super) const IN_BACKGROUND_NS: u64 = 10_000_000_000;
/// The same while a client watches.
pub(super) const WHILE_ASKED_NS: u64 = 2_000_000_000;

/// What is known about the PID tables.
#[derive(Debug, Default)]
pub(super) struct PidTables {
    node: Option<Node>,
    cgroups: Vec<Usage>,
    history: History,
    refusals: Refusals,
    /// When the last walk began.
    at_ns: Option<u64>,
    walk: Job<Walked>,
    /// When the last finished walk began.
    walked_ns: Option<u64>,
}

/// A walk over the cgroups, and the node's table after it.
pub(super) type Walked = (Walk, Option<Node>);

impl PidTables {
    /// Starts a walk, unless one is running or the last one is recent.
    pub(super) fn begin(&mut self, age_ns: u64, now_ns: u64) {
        let is_old = |at_ns| now_ns.saturating_sub(at_ns) >= age_ns;
        if !self.walk.is_running() && self.at_ns.is_none_or(is_old) {
            self.at_ns = Some(now_ns);
            self.walk
                .start(|| (pids::cgroups(&Mounts::find()), pids::node()));
        }
    }

    /// Whether a walk that began at this moment or later is done; if none has begun, starts one.
    pub(super) fn has_looked(&mut self, since_ns: u64, now_ns: u64) -> bool {
        if self.at_ns.is_none_or(|at_ns| at_ns < since_ns) {
            self.begin(0, now_ns);
        }
        self.walked_ns.is_some_and(|at_ns| at_ns >= since_ns)
    }

    /// The walk, when it is done.
    pub(super) async fn walked(&mut self) -> Option<Walked> {
        self.walk.done().await
    }

    pub(super) fn set_node(&mut self, node: Option<Node>) {
        self.node = node;
    }

    /// Takes in a walk. `zombies` are the cgroups of zombies with their numbers, and the total. Returns how many forks each cgroup
    /// has been refused since the last one.
    pub(super) fn take_in(
        &mut self,
        (walk, node): Walked,
        (zombies, total): (&[(CgroupIds, u64)], u64),
        now_ns: u64,
    ) -> Vec<(CgroupId, u64)> {
        self.node = node;
        self.cgroups = usages(&walk, zombies);
        for usage in &mut self.cgroups {
            let leak = |zombies| self.history.leak(now_ns, &usage.scope, zombies);
            usage.leaked_per_second = usage.zombies.and_then(leak);
        }
        let looked = self.usages(total, now_ns);
        self.history.add(now_ns, &looked);
        self.walked_ns = self.at_ns;
        self.refusals.more(&walk)
    }

    /// The node first, then the cgroups with a limit, fullest first.
    pub(super) fn usages(&self, zombies: u64, now_ns: u64) -> Vec<Usage> {
        let node = self.node.map(|node| Usage {
            scope: Scope::Node,
            cgroup: None,
            used: node.used,
            limit: node.limit,
            zombies: Some(zombies),
            leaked_per_second: self.history.leak(now_ns, &Scope::Node, zombies),
            refused: None,
        });
        node.into_iter()
            .chain(self.cgroups.iter().cloned())
            .collect()
    }
}
