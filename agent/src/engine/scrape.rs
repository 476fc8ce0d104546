//! The numbers of one scrape of the metrics, as far as the state has them.

use std::{collections::BTreeMap, time::Duration};

use crate::metrics::{Holder, Labels, PidTable, Present, Sample, Table};
use model::culprit::rules;
use model::events::Key;
use model::pids::Usage;
use model::state::{PARENTS, State};
use model::stuck::evidence::watch::Suspect;

/// What a state has. `state.pids` is up to date.
pub(super) fn sample(
    state: &mut State,
    stuck: &[Suspect],
    stale_after: Duration,
    now_ns: u64,
) -> Sample {
    let (mut present, parents) = zombies(state, stale_after.as_nanos() as u64, now_ns);
    for suspect in stuck {
        let workload = state.workloads.of_suspect(suspect, now_ns);
        let labels = Labels::of(workload.as_deref());
        present.entry(labels).or_default().stuck += 1;
    }
    Sample {
        now_ns,
        parents,
        present,
        lookups_failed: state.workloads.failed,
        pod_watch: state.workloads.watched,
        cri: state.workloads.cri,
        verdicts: rules::ids().chain([rules::UNEXPLAINED]).collect(),
        culprits: culprits(state, now_ns),
        pids: state.pids.iter().map(|it| pid_table(state, it)).collect(),
        tables: tables(state),
        unlisted_zombies: state.lifecycle.unlisted_len(),
        ..Sample::default()
    }
}

/// The zombies of each workload, and the processes that hold stale ones.
fn zombies(
    state: &mut State,
    stale_ns: u64,
    now_ns: u64,
) -> (BTreeMap<Labels, Present>, Vec<Holder>) {
    let mut present = BTreeMap::<_, Present>::new();
    let mut holders = BTreeMap::<Key, (String, u64)>::new();
    let stale_by_ns = now_ns.saturating_sub(stale_ns);
    for group in state.lifecycle.siblings() {
        let workload = state.workloads.of_siblings(&group, now_ns);
        let died = state.wall.time_by_now(group.oldest.at_ns).as_duration();
        let old = group.dead_by(stale_by_ns);
        let of_it = present.entry(Labels::of(workload.as_deref())).or_default();
        of_it.add_zombies(group.count(), old, Some(died.as_secs_f64()));
        if let (true, Some(holder)) = (old > 0, group.responsible()) {
            let comm = || (holder.comm.to_string(), 0);
            holders.entry(holder.key).or_insert_with(comm).1 += old;
        }
    }
    // Of those that the table has no room for, only the holder is known.
    let mut unlisted = state.lifecycle.unlisted_len();
    for (holder, count) in state.lifecycle.unlisted() {
        let workload = state.workloads.of_process(holder.key, now_ns);
        let of_it = present.entry(Labels::of(workload.as_deref())).or_default();
        of_it.add_zombies(count, 0, None);
        unlisted -= count;
    }
    if unlisted > 0 {
        let of_it = present.entry(Labels::of(None)).or_default();
        of_it.add_zombies(unlisted, 0, None);
    }
    let holder = |(key, (comm, zombies))| Holder {
        workload: Labels::of(state.workloads.of_process(key, now_ns).as_deref()),
        comm,
        zombies,
    };
    (present, holders.into_iter().map(holder).collect())
}

/// Adds open pidfds of reaped processes to the workloads of their holders.
pub(super) fn add_dead_pidfds(sample: &mut Sample, state: &mut State, holders: &[(Key, u64)]) {
    sample.counts_dead_pidfds = true;
    for &(holder, count) in holders {
        let workload = state.workloads.of_process(holder, sample.now_ns);
        let labels = Labels::of(workload.as_deref());
        sample.present.entry(labels).or_default().dead_pidfds += count;
    }
}

/// How full the tables of the state are.
pub(super) fn tables(state: &State) -> Vec<Table> {
    let lifecycle = state.lifecycle.tables().into_iter();
    let tables = lifecycle.chain([("parents", state.parents.len(), PARENTS)]);
    let table = |(name, entries, limit)| Table {
        name,
        entries,
        limit,
    };
    tables.map(table).collect()
}

/// How many culprits of each workload have each verdict.
fn culprits(state: &mut State, now_ns: u64) -> BTreeMap<(Labels, &'static str), u64> {
    let mut culprits = BTreeMap::new();
    for (process, verdict) in state.judgements.all() {
        let workload = state.workloads.of_process(process.key, now_ns);
        let labels = Labels::of(workload.as_deref());
        let id = verdict.and_then(|verdict| rules::ids().find(|id| verdict.id == *id));
        let id = id.unwrap_or(rules::UNEXPLAINED);
        *culprits.entry((labels, id)).or_default() += 1;
    }
    culprits
}

fn pid_table(state: &State, usage: &Usage) -> PidTable {
    let place = |id| Labels::of(state.workloads.cgroup(id).map(|it| &**it));
    PidTable {
        scope: usage.scope.name().to_owned(),
        workload: usage.cgroup.map_or_else(Labels::none, place),
        used: usage.used,
        limit: usage.limit,
        zombies: usage.zombies,
    }
}
