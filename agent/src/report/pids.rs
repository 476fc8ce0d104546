//! How full the PID tables are, as documents say it.

use crate::{api, pids::Usage};

/// Cgroups in a document: the fullest.
const CGROUPS: usize = 20;

/// The node and the fullest cgroups.
pub(crate) fn pids(usages: &[Usage]) -> Vec<api::Pids> {
    let told = usages.iter().take(1 + CGROUPS);
    told.map(|usage| api::Pids {
        scope: usage.scope.name().to_owned(),
        container: None,
        used: usage.used,
        limit: usage.limit,
        zombies: usage.zombies.map(|zombies| zombies.count),
        zombies_is_upper_bound: usage.zombies.is_some_and(|zombies| zombies.at_most),
        leaked_per_second: usage.leaked_per_second,
        full_in_seconds: usage.full_in_seconds(),
    })
    .collect()
}
