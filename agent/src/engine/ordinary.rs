//! Ordinary deaths, which the kernel side counts: the place of each cgroup among its counts, and what
//! was added to the metrics so far.

use std::{collections::HashMap, sync::Arc};

use crate::metrics::{Labels, Metrics};
use crate::probes::Board;
use crate::problem::Problem;
use model::events::CgroupIds;
use model::workload::{Workload, Workloads};
use wire::Count;

/// The places of all cgroups whose ordinary deaths are counted.
#[derive(Debug)]
pub(super) struct Ordinary {
    of: HashMap<CgroupIds, Place>,
    free: Vec<u32>,
    /// Cgroups that get a place next.
    wanted: Vec<(CgroupIds, Arc<Workload>)>,
}

#[derive(Debug)]
struct Place {
    index: u32,
    workload: Arc<Workload>,
    /// What the metrics have.
    added: Count,
    /// Whether deaths have been counted since the last [`Ordinary::expire`].
    is_used: bool,
    /// New deaths are sent; the last ones are still being counted.
    is_leaving: bool,
}

impl Ordinary {
    /// The kernel side has this many places.
    pub(super) fn new(places: usize) -> Self {
        Self {
            of: HashMap::new(),
            free: (0..places as u32).rev().collect(),
            wanted: Vec::new(),
        }
    }

    /// Whether a cgroup has a place, or is about to get one.
    pub(super) fn has(&self, cgroups: CgroupIds) -> bool {
        let mut wanted = self.wanted.iter();
        self.of.contains_key(&cgroups) || wanted.any(|(wanted, _)| *wanted == cgroups)
    }

    /// The workload of a cgroup is known: its ordinary deaths need not be sent any more.
    pub(super) fn want(&mut self, cgroups: CgroupIds, workload: Arc<Workload>) {
        if self.wanted.len() < self.free.len() {
            self.wanted.push((cgroups, workload));
        }
    }

    /// Gives places to the cgroups that are wanted.
    pub(super) fn admit(&mut self, board: &mut Board) {
        static PROBLEM: Problem = Problem::new();
        for (cgroups, workload) in std::mem::take(&mut self.wanted) {
            let Some(index) = self.free.pop() else { return };
            // It may have been the place of another cgroup before.
            let added = count(board, index);
            let admitted = board.admit(cgroups, index);
            let admitted = PROBLEM.check("cannot count deaths in the kernel", admitted);
            let (Some(added), Ok(())) = (added, admitted) else {
                return self.free.push(index);
            };
            let place = Place {
                index,
                workload,
                added,
                is_used: true,
                is_leaving: false,
            };
            self.of.insert(cgroups, place);
        }
    }

    /// Adds to the metrics what was counted since the last time.
    pub(super) fn add(
        &mut self,
        board: &Board,
        workloads: &Workloads,
        metrics: &mut Metrics,
        now_ns: u64,
    ) {
        for place in self.of.values_mut() {
            let Some(count) = count(board, place.index) else {
                return;
            };
            let new = Count {
                deaths: count.deaths - place.added.deaths,
                zombie_ns: count.zombie_ns - place.added.zombie_ns,
            };
            if new == Count::default() {
                continue;
            }
            // Its names may have been learnt since.
            let id = place.workload.cgroup_id;
            if let Some(workload) = id.and_then(|id| workloads.cgroup(id)) {
                place.workload.clone_from(workload);
            }
            let labels = Labels::of(Some(&place.workload));
            metrics.add_ordinary(&labels, new, now_ns);
            place.added = count;
            place.is_used = true;
        }
    }

    /// Frees the places of cgroups that are gone, after [`Ordinary::add`]. Each keeps its place until
    /// the next call, for deaths that are being counted meanwhile.
    pub(super) fn expire(&mut self, board: &mut Board, workloads: &Workloads) {
        let free = &mut self.free;
        self.of.retain(|cgroups, place| {
            let is_used = std::mem::take(&mut place.is_used);
            if place.is_leaving {
                free.push(place.index);
                return false;
            }
            let id = place.workload.cgroup_id;
            let is_known = id.is_some_and(|id| workloads.cgroup(id).is_some());
            place.is_leaving = !is_used && !is_known && board.dismiss(*cgroups).is_ok();
            true
        });
    }
}

fn count(board: &Board, place: u32) -> Option<Count> {
    static PROBLEM: Problem = Problem::new();
    let count = board.count(place);
    PROBLEM.check("cannot read the kernel's counts", count).ok()
}
