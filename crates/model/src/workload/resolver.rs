//! What is known about workloads, and what to look up. Pure: `now_ns` is an argument.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{
    Answer, Ask, ContainerIds, Failed, Found, Located, Named, Owner, Workload, path,
    pods::{Source, Watched},
};
use crate::events::{CgroupId, CgroupIds, CgroupMade, CgroupVersion, Key, ROOT_ID};

/// Maximum number of cgroups.
const CGROUPS: usize = 16_384;
/// Maximum number of living processes.
const PROCESSES: usize = 4_096;
/// Maximum number of pending lookups.
const ASKED: usize = 1_024;
/// How long a removed cgroup is kept.
const KEEP_NS: u64 = 300_000_000_000;
/// How long an unknown id is not looked up again.
const UNKNOWN_NS: u64 = 60_000_000_000;
/// How long the cgroup of a living process is trusted: as long as it had lived until then, within
/// these limits. Runtimes move processes right after starting them.
const SETTLED_NS: (u64, u64) = (1_000_000_000, 60_000_000_000);
/// When to look up a name again: the runtime writes it at about the time of the first process.
const NAME_AGAIN_NS: [u64; 5] = [
    300_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
    120_000_000_000,
];
/// Until so many lookups, which take about two seconds, deaths wait for the name.
const PROMPT: usize = 3;

#[derive(Debug)]
struct Cgroup {
    workload: Arc<Workload>,
    learnt_ns: u64,
    /// When its removal was noticed.
    vanished_ns: Option<u64>,
}

#[derive(Debug)]
struct Process {
    /// `None` if unknown.
    workload: Option<Arc<Workload>>,
    at_ns: u64,
}

/// A name, or how often it was looked up, and when next.
#[derive(Debug, Default)]
struct Naming {
    named: Option<Named>,
    tries: usize,
    next_ns: u64,
}

impl Naming {
    fn is_whole(&self, ids: &ContainerIds) -> bool {
        self.named
            .as_ref()
            .is_some_and(|named| ids.are_named(named))
    }
}

/// All that is known of workloads.
#[derive(Debug, Default)]
pub struct Workloads {
    /// Whether processes have a cgroup in a v1 hierarchy too.
    has_v1: bool,
    cgroups: BTreeMap<CgroupId, Cgroup>,
    processes: HashMap<Key, Process>,
    names: HashMap<ContainerIds, Naming>,
    /// Unknown ids.
    unknown: HashMap<CgroupId, u64>,
    asked: HashSet<Ask>,
    asks: Vec<Ask>,
    /// Failed lookups.
    pub failed: Failed,
    /// State of the pod watch, if there is one.
    pub watched: Option<Watched>,
    /// State of the container runtime, if it is used.
    pub cri: Option<Watched>,
}

impl Workloads {
    /// Knows nothing, and looks up all cgroups.
    pub fn new(has_v1: bool) -> Self {
        let mut new = Self {
            has_v1,
            ..Self::default()
        };
        new.ask(Ask::Walk);
        new
    }

    /// Lookups since the last call.
    pub fn asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// A cgroup was created.
    pub fn made(&mut self, cgroup: &CgroupMade, now_ns: u64) {
        // The kernel side does not see who owns a unit: that is looked up when it is needed.
        let path = cgroup.path.as_ref();
        if let Some(path) = path.filter(|path| path::unit_around(path).is_none()) {
            let located = Located {
                path: path.clone(),
                owner: Owner::Unknown,
            };
            self.learn(cgroup.id, &located, now_ns);
        }
    }

    /// Takes an answer.
    pub fn receive(&mut self, answer: Answer, now_ns: u64) {
        match answer {
            Answer::Walked {
                version,
                began_ns,
                cgroups,
                complete,
            } => {
                self.asked.remove(&Ask::Walk);
                let there: HashSet<_> = cgroups.iter().map(|(id, _)| *id).collect();
                for (id, located) in cgroups {
                    self.learn(CgroupId { version, id }, &located, now_ns);
                }
                let old = self.cgroups.iter_mut().filter(|(id, cgroup)| {
                    let looked_at = complete && id.version == version;
                    looked_at && cgroup.learnt_ns < began_ns && !there.contains(&id.id)
                });
                for (_, cgroup) in old {
                    cgroup.vanished_ns.get_or_insert(now_ns);
                }
            }
            Answer::Process(key, located) => {
                self.asked.remove(&Ask::Process(key));
                let workload = located.map(|it| Arc::new(self.workload(None, &it, now_ns)));
                // If it has ended meanwhile, keep what was known.
                if let Some(known) = self.processes.get_mut(&key)
                    && workload.is_none()
                {
                    known.at_ns = now_ns;
                } else {
                    self.make_room_for_process();
                    self.processes.insert(
                        key,
                        Process {
                            workload,
                            at_ns: now_ns,
                        },
                    );
                }
            }
            Answer::Cgroup(id, located) => {
                self.asked
                    .retain(|ask| !matches!(ask, Ask::Cgroup { id: asked, .. } if *asked == id));
                match located {
                    Some(located) => self.learn(id, &located, now_ns),
                    None if !self.cgroups.contains_key(&id) => {
                        self.failed.gone += 1;
                        if self.unknown.len() >= ASKED {
                            self.unknown.clear();
                        }
                        self.unknown.insert(id, now_ns);
                    }
                    None => {}
                }
            }
            Answer::Named(ids, named) => self.name(&ids, named.as_ref(), now_ns),
            Answer::Watched(Source::Watch, watched) => self.watched = Some(watched),
            Answer::Watched(Source::Cri, watched) => self.cri = Some(watched),
        }
    }

    /// The workload of a dead process, from its cgroup ids at death. If the v1 one exists but is
    /// unknown, the parent's workload is used if that is more specific.
    pub fn of_dead(
        &mut self,
        dead: Key,
        cgroups: CgroupIds,
        parent: Option<Key>,
        now_ns: u64,
    ) -> Found {
        let own = self.of_own(dead, cgroups, now_ns);
        let Found::Known(workload) = own else {
            return own;
        };
        if self.is_being_named(&workload) {
            return Found::Pending(Some(workload));
        }
        let unsure = self.may_be_of_parent(cgroups) && !workload.is_contained();
        let (Some(parent), true) = (parent, unsure) else {
            return Found::Known(workload);
        };
        match self.of_living(parent, now_ns) {
            Found::Known(of_parent) if of_parent.says_more_than(&workload) => {
                Found::Known(Arc::new(Workload {
                    cgroup_id: workload.cgroup_id,
                    of_parent: true,
                    ..(*of_parent).clone()
                }))
            }
            Found::Pending(_) => Found::Pending(Some(workload)),
            _ => Found::Known(workload),
        }
    }

    /// The more specific hierarchy; the unified one if both are equally specific.
    fn of_own(&mut self, dead: Key, cgroups: CgroupIds, now_ns: u64) -> Found {
        let mut of = |version| cgroups.of(version).map(|id| self.of_cgroup(id, dead));
        let (v1, v2) = match (of(CgroupVersion::V1), of(CgroupVersion::V2)) {
            (Some(v1), Some(v2)) => (v1, v2),
            (Some(only), None) | (None, Some(only)) => return only,
            (None, None) => return self.of_living(dead, now_ns),
        };
        match (v1, v2) {
            (Found::Known(v1), Found::Known(v2)) => {
                Found::Known(if v1.says_more_than(&v2) { v1 } else { v2 })
            }
            (Found::Pending(_), Found::Known(known)) | (Found::Known(known), Found::Pending(_)) => {
                Found::Pending(Some(known))
            }
            (Found::Pending(_), _) | (_, Found::Pending(_)) => Found::Pending(None),
            // The root is not specific if the other hierarchy has an unknown cgroup.
            (Found::Unknown, Found::Known(known)) | (Found::Known(known), Found::Unknown)
                if !known.is_at_root() =>
            {
                Found::Known(known)
            }
            _ => Found::Unknown,
        }
    }

    /// Whether the workload of the parent may be shown for a process with these cgroups.
    pub(super) fn may_be_of_parent(&self, cgroups: CgroupIds) -> bool {
        self.has_v1 && cgroups.v1.is_none()
    }

    /// Whether its name may still come soon: it is counted by name.
    pub fn is_being_named(&self, workload: &Workload) -> bool {
        workload.place.ids().is_some_and(|ids| {
            let naming = self.names.get(&ids);
            naming.is_some_and(|naming| !naming.is_whole(&ids) && naming.tries < PROMPT)
        })
    }

    fn of_cgroup(&mut self, id: CgroupId, dead: Key) -> Found {
        if let Some(cgroup) = self.cgroups.get(&id) {
            return Found::Known(cgroup.workload.clone());
        }
        // Known even if its hierarchy is not mounted.
        if id.id == ROOT_ID {
            return Found::Known(Arc::new(Workload {
                cgroup: Some("/".to_owned()),
                ..Self::only_id(Some(id))
            }));
        }
        if self.unknown.contains_key(&id) {
            return Found::Unknown;
        }
        let asked = |ask: &Ask| matches!(ask, Ask::Cgroup { id: asked, .. } if *asked == id);
        if self.asked.iter().any(asked) || self.ask(Ask::Cgroup { id, dead }) {
            return Found::Pending(None);
        }
        Found::Unknown
    }

    /// The workload of a living process or a zombie.
    pub fn of_living(&mut self, key: Key, now_ns: u64) -> Found {
        let known = self.processes.get(&key);
        let fresh = known.is_some_and(|known| {
            let (least_ns, most_ns) = SETTLED_NS;
            let lived_ns = known.at_ns.saturating_sub(key.start_ns);
            now_ns.saturating_sub(known.at_ns) < lived_ns.clamp(least_ns, most_ns)
        });
        let found = match known {
            Some(Process {
                workload: Some(workload),
                ..
            }) => Found::Known(workload.clone()),
            Some(_) => Found::Unknown,
            None => Found::Pending(None),
        };
        if !fresh && !self.ask(Ask::Process(key)) && found == Found::Pending(None) {
            return Found::Unknown;
        }
        found
    }

    /// A cgroup, if it is known.
    pub fn cgroup(&self, id: CgroupId) -> Option<&Arc<Workload>> {
        self.cgroups.get(&id).map(|it| &it.workload)
    }

    /// What is shown for an unknown cgroup.
    pub fn only_id(cgroup_id: Option<CgroupId>) -> Workload {
        Workload {
            cgroup_id,
            ..Workload::default()
        }
    }

    /// Cgroups that exist, or did recently.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Workload>> {
        let there = self.cgroups.values().filter(|it| it.vanished_ns.is_none());
        let processes = self
            .processes
            .values()
            .filter_map(|it| it.workload.as_ref());
        there.map(|it| &it.workload).chain(processes)
    }

    /// Once a second: looks up missing names again, and drops what is long gone. `held` are the
    /// cgroups of zombies.
    pub fn housekeeping(&mut self, held: &HashSet<CgroupId>, now_ns: u64) {
        let due = self.names.iter_mut().filter(|(ids, naming)| {
            !naming.is_whole(ids) && naming.tries <= NAME_AGAIN_NS.len() && naming.next_ns <= now_ns
        });
        let due: Vec<_> = due.map(|(ids, _)| ids.clone()).collect();
        for ids in due {
            self.ask(Ask::Name(ids));
        }
        self.unknown
            .retain(|_, at_ns| now_ns.saturating_sub(*at_ns) < UNKNOWN_NS);
        let stays = |at_ns: u64| now_ns.saturating_sub(at_ns) < KEEP_NS;
        let before = self.cgroups.len() + self.processes.len();
        self.cgroups
            .retain(|id, it| it.vanished_ns.is_none_or(stays) || held.contains(id));
        self.processes.retain(|_, process| stays(process.at_ns));
        if self.cgroups.len() + self.processes.len() < before {
            let cgroups = self.cgroups.values().map(|it| &it.workload);
            let processes = self
                .processes
                .values()
                .filter_map(|it| it.workload.as_ref());
            let there = cgroups.chain(processes);
            let there: HashSet<ContainerIds> = there.filter_map(|it| it.place.ids()).collect();
            self.names.retain(|ids, _| there.contains(ids));
        }
    }

    /// Looks up all cgroups, to notice which are gone.
    pub fn walk(&mut self) {
        self.ask(Ask::Walk);
    }

    /// Whether an answer will come.
    fn ask(&mut self, ask: Ask) -> bool {
        if self.asked.contains(&ask) {
            return true;
        }
        if self.asked.len() >= ASKED {
            self.failed.busy += 1;
            return false;
        }
        self.asked.insert(ask.clone());
        self.asks.push(ask);
        true
    }

    fn learn(&mut self, id: CgroupId, located: &Located, now_ns: u64) {
        if self.cgroups.contains_key(&id) {
            return;
        }
        if self.cgroups.len() >= CGROUPS {
            // Removed ones are dropped first, then the oldest.
            let least = self
                .cgroups
                .iter()
                .min_by_key(|(_, it)| (it.vanished_ns.is_none(), it.vanished_ns, it.learnt_ns));
            let least = least.map(|(id, _)| *id);
            least.and_then(|id| self.cgroups.remove(&id));
        }
        let workload = Arc::new(self.workload(Some(id), located, now_ns));
        self.unknown.remove(&id);
        self.cgroups.insert(
            id,
            Cgroup {
                workload,
                learnt_ns: now_ns,
                vanished_ns: None,
            },
        );
    }

    fn workload(
        &mut self,
        cgroup_id: Option<CgroupId>,
        Located { path, owner }: &Located,
        now_ns: u64,
    ) -> Workload {
        let place = path::parse(path, *owner);
        let named = place.ids().and_then(|ids| {
            if self.names.len() >= CGROUPS && !self.names.contains_key(&ids) {
                return None;
            }
            let naming = self.names.entry(ids.clone()).or_insert_with(|| Naming {
                next_ns: now_ns,
                ..Naming::default()
            });
            if naming.tries == 0 {
                self.ask(Ask::Name(ids.clone()));
            }
            self.names.get(&ids)?.named.clone()
        });
        Workload {
            cgroup: Some(path::clean(path).to_owned()),
            cgroup_id,
            place,
            named,
            of_parent: false,
        }
    }

    fn name(&mut self, ids: &ContainerIds, named: Option<&Named>, now_ns: u64) {
        self.asked.remove(&Ask::Name(ids.clone()));
        let Some(naming) = self.names.get_mut(ids) else {
            return;
        };
        if named.is_none_or(|named| !ids.are_named(named)) {
            match NAME_AGAIN_NS.get(naming.tries) {
                Some(wait_ns) => naming.next_ns = now_ns + wait_ns,
                None if named.is_none() => self.failed.unnamed += 1,
                None => {}
            }
            naming.tries += 1;
            if named.is_none() || naming.is_whole(ids) {
                return;
            }
        }
        naming.named = named.cloned();
        let cgroups = self.cgroups.values_mut().map(|it| &mut it.workload);
        let processes = self
            .processes
            .values_mut()
            .filter_map(|it| it.workload.as_mut());
        for workload in cgroups.chain(processes) {
            if workload.place.ids().as_ref() == Some(ids) {
                Arc::make_mut(workload).named = named.cloned();
            }
        }
    }

    fn make_room_for_process(&mut self) {
        if self.processes.len() >= PROCESSES {
            let oldest = self.processes.iter().min_by_key(|(_, it)| it.at_ns);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|key| self.processes.remove(&key));
        }
    }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
