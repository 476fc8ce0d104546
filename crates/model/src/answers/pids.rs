//! Converts the state of PID tables to documents.

use std::sync::Arc;

use crate::events::CgroupId;
use crate::pids::Usage;
use crate::workload::Workload;

/// Maximum number of cgroups in a document: the fullest, and as many more that refused forks.
const CGROUPS: usize = 20;

/// The node, the fullest cgroups and those that refused forks, with their workloads.
pub fn pids<'a>(
    usages: &[Usage],
    place: impl Fn(CgroupId) -> Option<&'a Arc<Workload>>,
) -> Vec<api::Pids> {
    let others = usages.iter().skip(1 + CGROUPS);
    let refusing = others.filter(|usage| usage.refused.is_some_and(|refused| refused > 0));
    let shown = usages
        .iter()
        .take(1 + CGROUPS)
        .chain(refusing.take(CGROUPS));
    shown
        .map(|usage| api::Pids {
            scope: usage.scope.clone(),
            container: usage
                .cgroup
                .and_then(&place)
                .and_then(|it| it.container_for_answer()),
            used: usage.used,
            limit: usage.limit,
            zombies: usage.zombies,
            leaked_per_second: usage.leaked_per_second,
            refused_forks: usage.refused,
            full_in_seconds: usage.full_in(),
        })
        .collect()
}
