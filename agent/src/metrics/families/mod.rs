//! One metric per file. To add one, add a file and list it here.

use super::metric::Metric;

mod build_info;
mod corrections;
mod culprits;
mod dead_pidfds;
mod events;
mod events_lost;
mod exit_duration;
mod exit_steps;
mod exits;
mod kill_duration;
mod lookups_failed;
mod oldest_zombie;
mod parent_stale_zombies;
mod pids_limit;
mod pids_refused;
mod pids_used;
mod pids_zombies;
mod pod_watch_failures;
mod pod_watch_up;
mod probe_info;
mod reaped;
mod reaped_late;
mod stale_zombies;
mod stuck_exits;
mod table_entries;
mod table_limit;
mod unlisted_zombies;
mod zombie_duration;
mod zombie_seconds;
mod zombies;

/// Every metric of the agent.
pub(super) static ALL: &[&Metric] = &[
    &build_info::METRIC,
    &corrections::METRIC,
    &culprits::METRIC,
    &dead_pidfds::METRIC,
    &events::METRIC,
    &events_lost::METRIC,
    &exit_duration::METRIC,
    &exit_steps::METRIC,
    &exits::METRIC,
    &kill_duration::METRIC,
    &lookups_failed::METRIC,
    &oldest_zombie::METRIC,
    &parent_stale_zombies::METRIC,
    &pids_limit::METRIC,
    &pids_refused::METRIC,
    &pids_used::METRIC,
    &pids_zombies::METRIC,
    &pod_watch_failures::METRIC,
    &pod_watch_up::METRIC,
    &probe_info::METRIC,
    &reaped::METRIC,
    &reaped_late::METRIC,
    &stale_zombies::METRIC,
    &stuck_exits::METRIC,
    &table_entries::METRIC,
    &table_limit::METRIC,
    &unlisted_zombies::METRIC,
    &zombie_duration::METRIC,
    &zombie_seconds::METRIC,
    &zombies::METRIC,
];

/// What only a running agent knows of itself and of its host.
pub(super) static NOT_RECORDED: &[&Metric] = &[
    &build_info::METRIC,
    &dead_pidfds::METRIC,
    &lookups_failed::METRIC,
    &pids_limit::METRIC,
    &pids_refused::METRIC,
    &pids_used::METRIC,
    &pids_zombies::METRIC,
    &pod_watch_failures::METRIC,
    &pod_watch_up::METRIC,
    &probe_info::METRIC,
    &table_entries::METRIC,
    &table_limit::METRIC,
];
