//! How full the PID tables are, as documents say it.

use std::sync::Arc;

use crate::{api, events::CgroupId, pids::Usage, workload::Workload};

/// Cgroups in a document: the fullest.
const CGROUPS: usize = 20;

/// The node and the fullest cgroups, each with whose it is.
pub(crate) fn pids<'a>(
    usages: &[Usage],
    place: impl Fn(CgroupId) -> Option<&'a Arc<Workload>>,
) -> Vec<api::Pids> {
    let told = usages.iter().take(1 + CGROUPS);
    told.map(|usage| api::Pids {
        scope: usage.scope.name().to_owned(),
        container: usage
            .cgroup
            .and_then(&place)
            .and_then(|it| super::container(it)),
        used: usage.used,
        limit: usage.limit,
        zombies: usage.zombies,
        leaked_per_second: usage.leaked_per_second,
        full_in_seconds: usage.full_in_seconds(),
    })
    .collect()
}
