//! The workloads of the processes in records, rows and snapshots.

use std::sync::Arc;

use super::{Found, Workload, Workloads};
use crate::events::{CgroupIds, Key};
use crate::lifecycle::{Record, Siblings};
use crate::stuck::evidence::watch::Suspect;

/// What the place of a process that died or is about to is found by.
#[derive(Clone, Copy, Debug)]
pub struct Dead {
    /// The process.
    pub key: Key,
    /// Its cgroups.
    pub cgroups: CgroupIds,
    /// Its parent, of which the place is taken where its own is not known.
    pub parent: Option<Key>,
}

impl Dead {
    /// Of a death.
    pub fn of(record: &Record) -> Self {
        Self {
            key: record.process.key,
            cgroups: record.cgroups,
            parent: record.parent.as_ref().map(|parent| parent.key),
        }
    }

    /// Of zombies that share it.
    pub fn of_siblings(group: &Siblings<'_>) -> Self {
        Self {
            key: group.key,
            cgroups: group.cgroups,
            parent: group.parent.map(|parent| parent.key),
        }
    }
}

impl Workloads {
    /// Where a process that died belongs.
    pub fn find(&mut self, dead: Dead, now_ns: u64) -> Found {
        self.of_dead(dead.key, dead.cgroups, dead.parent, now_ns)
    }

    /// The same, as far as it is known now.
    pub fn known(&mut self, dead: Dead, now_ns: u64) -> Option<Arc<Workload>> {
        settled(self.find(dead, now_ns))
    }

    /// The same, if it is the workload of all processes in these cgroups, and will stay that.
    pub fn certain(&mut self, dead: Dead, now_ns: u64) -> Option<Arc<Workload>> {
        if dead.cgroups == CgroupIds::default() || self.may_be_of_parent(dead.cgroups) {
            return None;
        }
        match self.find(dead, now_ns) {
            Found::Known(workload) => Some(workload),
            _ => None,
        }
    }

    /// The same of a record; the bare id of the cgroup where nothing else is known.
    pub fn of_record(&mut self, record: &Record, now_ns: u64) -> Option<Arc<Workload>> {
        self.of_dead_or_id(Dead::of(record), now_ns)
    }

    /// The same of zombies that share it.
    pub fn of_siblings(&mut self, group: &Siblings<'_>, now_ns: u64) -> Option<Arc<Workload>> {
        self.of_dead_or_id(Dead::of_siblings(group), now_ns)
    }

    fn of_dead_or_id(&mut self, dead: Dead, now_ns: u64) -> Option<Arc<Workload>> {
        self.known(dead, now_ns).or_else(|| {
            let id = dead.cgroups.most_specific();
            id.map(|_| Arc::new(Self::only_id(id)))
        })
    }

    /// The workload of an exiting process, as far as it is known.
    pub fn of_suspect(&mut self, suspect: &Suspect, now_ns: u64) -> Option<Arc<Workload>> {
        let dead = Dead {
            key: suspect.process.key,
            cgroups: suspect.cgroups,
            parent: suspect.parent,
        };
        self.known(dead, now_ns)
    }

    /// Where a living process belongs, as far as that is known.
    pub fn of_process(&mut self, key: Key, now_ns: u64) -> Option<Arc<Workload>> {
        settled(self.of_living(key, now_ns))
    }

    /// The container of a process that died, for an answer.
    pub fn container_of_record(&mut self, record: &Record, now_ns: u64) -> Option<api::Container> {
        contained(self.of_record(record, now_ns))
    }

    /// The container of its parent.
    pub fn container_of_parent(&mut self, record: &Record, now_ns: u64) -> Option<api::Container> {
        self.container(record.parent.as_ref()?.key, now_ns)
    }

    /// The container of a living process, for an answer.
    pub fn container(&mut self, key: Key, now_ns: u64) -> Option<api::Container> {
        contained(self.of_process(key, now_ns))
    }

    /// Whether it is known where a living process belongs, or cannot be known.
    pub fn knows_living(&mut self, key: Key, now_ns: u64) -> bool {
        match self.of_living(key, now_ns) {
            Found::Known(workload) => !self.is_being_named(&workload),
            Found::Pending(_) => false,
            Found::Unknown => true,
        }
    }

    /// The same of a zombie and its parent.
    pub fn knows_dead(&mut self, dead: Dead, now_ns: u64) -> bool {
        let own = !matches!(self.find(dead, now_ns), Found::Pending(_));
        let parent = dead.parent;
        parent.is_none_or(|parent| self.knows_living(parent, now_ns)) && own
    }
}

impl Workload {
    /// The workload, for an answer; `None` outside all containers and units.
    pub fn container_for_answer(&self) -> Option<api::Container> {
        if self.cgroup.as_deref() == Some("/") {
            return None;
        }
        let place = &self.place;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(api::Container {
            id: place.container.clone(),
            name: owned(self.container_name()),
            runtime: owned(place.runtime),
            pod: self.named.as_ref().and_then(|named| named.pod.clone()),
            pod_uid: place.pod_uid.clone(),
            qos: place.qos.map(Into::into),
            namespace: owned(self.namespace()),
            unit: place.unit.clone(),
            user_unit: place.user_unit.clone(),
            user: place.user,
            cgroup: self.cgroup.clone(),
            cgroup_id: self.cgroup_id.map(|it| it.id),
            of_parent: self.of_parent,
        })
    }
}

fn settled(found: Found) -> Option<Arc<Workload>> {
    match found {
        Found::Known(workload) => Some(workload),
        Found::Pending(workload) => workload,
        Found::Unknown => None,
    }
}

fn contained(workload: Option<Arc<Workload>>) -> Option<api::Container> {
    workload?.container_for_answer()
}
