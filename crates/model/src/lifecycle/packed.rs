//! The form in which open deaths are kept: there may be hundreds of thousands, and what many have
//! in common is kept once.

use api::STEPS;

use super::entry::Entry;
use super::{Died, DiedBound, Former, Reap, Record};
use crate::events::{
    CgroupIds, Comm, ExitStatus, Key, Kill, NamespacePid, Process, Resources, Steps,
};
use crate::packing::{Namespaces, Pids, Place, Pool};

/// The time of what has none: no clock gets there.
const NEVER: u64 = u64::MAX;
/// The duration of a step that was not measured.
const UNKNOWN: u32 = u32::MAX;

/// Values that rows share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    processes: Pool<Process>,
    comms: Pool<Comm>,
    cgroups: Pool<CgroupIds>,
    traits: Pool<Traits>,
    namespaces: Namespaces,
}

/// One open death.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tgid: u32,
    pub(super) start_ns: u64,
    pub(super) died_ns: u64,
    pub(super) look_ns: u64,
    responsible_as_of_ns: u64,
    found_ns: u64,
    begin_ns: u64,
    user_ns: u64,
    system_ns: u64,
    max_rss_bytes: u64,
    tid: u32,
    comm: Place,
    forker: Place,
    traits: Place,
    /// The only one that had to reap it before, if that ended when its present parent became
    /// responsible: all zombies of a parent that is killed have one.
    former: Place,
    was_former: WasFormer,
    /// The processes that must reap it, and its cgroup.
    pub(super) kin: Kin,
    pids: Pids,
    /// Only with `--steps`.
    steps: Option<Box<[u32; STEPS]>>,
    rare: Option<Box<Rare>>,
    status: Option<ExitStatus>,
    pub(super) bound: DiedBound,
    has_resources: bool,
    pub(super) exact_start: bool,
    parent_autoreaps: bool,
}

/// What else is known of a former parent or tracer.
#[derive(Clone, Copy, Debug, Default)]
struct WasFormer {
    was_tracer: bool,
    until_is_upper_bound: bool,
}

/// What siblings have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kin {
    parent: Place,
    tracer: Place,
    cgroups: Place,
    /// The tgid of a zombie whose cgroup is not known: it has no siblings.
    alone: u32,
}

/// What zombies usually have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Traits {
    uid: u32,
    threads: Option<u32>,
    exit_signal: Option<i32>,
}

/// What few rows have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    /// If there are more than fit into a row.
    former: Vec<Former>,
    kill: Option<Box<Kill>>,
    /// If one of them does not fit into a row.
    steps: Option<Box<Steps>>,
    /// If there are more than fit into a row.
    pids: Vec<NamespacePid>,
    reap: Option<Box<Reap>>,
}

impl Row {
    pub(super) fn key(&self) -> Key {
        Key {
            tgid: self.tgid,
            start_ns: self.start_ns,
        }
    }
}

impl Shared {
    pub(super) fn pack(&mut self, entry: Entry) -> Row {
        let record = entry.record;
        let Key { tgid, start_ns } = record.process.key;
        let steps = record.steps.as_deref().map(pack_steps);
        let fits = steps.is_none_or(|steps| steps.is_some());
        let (pids, more_pids) = self.namespaces.put(record.pids);
        let (former, more_former) = pack_former(record.former, entry.responsible_as_of_ns);
        let rare = Rare {
            former: more_former,
            kill: record.kill,
            steps: record.steps.filter(|_| !fits),
            pids: more_pids,
            reap: record.reap,
        };
        let used = record.resources.unwrap_or_default();
        let traits = Traits {
            uid: record.uid,
            threads: used.threads,
            exit_signal: record.exit_signal,
        };
        Row {
            tgid,
            start_ns,
            died_ns: record.died.at_ns,
            look_ns: entry.look_ns,
            responsible_as_of_ns: entry.responsible_as_of_ns,
            found_ns: entry.found_ns.unwrap_or(NEVER),
            begin_ns: record.begin_ns.unwrap_or(NEVER),
            user_ns: used.user_ns,
            system_ns: used.system_ns,
            max_rss_bytes: used.max_rss_bytes,
            tid: record.process.tid,
            comm: self.comms.put(Some(record.process.comm)),
            forker: self.processes.put(record.forker),
            traits: self.traits.put(Some(traits)),
            former: self.processes.put(former.map(|(process, _)| process)),
            was_former: former.map(|(_, was)| was).unwrap_or_default(),
            kin: Kin {
                parent: self.processes.put(record.parent),
                tracer: self.processes.put(record.tracer),
                cgroups: self.cgroups.put(Some(record.cgroups)),
                alone: if record.cgroups.known().next().is_some() {
                    0
                } else {
                    tgid
                },
            },
            pids,
            steps: steps.flatten().map(Box::new),
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
            status: record.status,
            bound: record.died.bound,
            has_resources: record.resources.is_some(),
            exact_start: entry.exact_start,
            parent_autoreaps: entry.parent_autoreaps,
        }
    }

    pub(super) fn unpack(&self, row: &Row) -> Entry {
        let rare = row.rare.as_deref().cloned().unwrap_or_default();
        let steps = row.steps.as_deref().copied();
        let steps = steps.map(|steps| Box::new(unpack_steps(steps)));
        let traits = self.traits.get(row.traits).unwrap_or_default();
        let known = |at_ns: u64| (at_ns != NEVER).then_some(at_ns);
        let former = self.processes.get(row.former).map(|process| Former {
            process,
            was_tracer: row.was_former.was_tracer,
            until_ns: row.responsible_as_of_ns,
            until_is_upper_bound: row.was_former.until_is_upper_bound,
        });
        let record = Record {
            process: Process {
                key: row.key(),
                tid: row.tid,
                comm: self.comms.get(row.comm).unwrap_or_default(),
            },
            parent: self.processes.get(row.kin.parent),
            tracer: self.processes.get(row.kin.tracer),
            former: former.map_or(rare.former, |former| vec![former]),
            forker: self.processes.get(row.forker),
            kill: rare.kill,
            begin_ns: known(row.begin_ns),
            died: Died {
                at_ns: row.died_ns,
                bound: row.bound,
            },
            status: row.status,
            exit_signal: traits.exit_signal,
            cgroups: self.cgroups_of(row.kin),
            uid: traits.uid,
            resources: row.has_resources.then_some(Resources {
                user_ns: row.user_ns,
                system_ns: row.system_ns,
                threads: traits.threads,
                max_rss_bytes: row.max_rss_bytes,
            }),
            steps: steps.or(rare.steps),
            pids: self.namespaces.get(row.pids, rare.pids),
            reap: rare.reap,
        };
        Entry {
            record,
            exact_start: row.exact_start,
            responsible_as_of_ns: row.responsible_as_of_ns,
            found_ns: known(row.found_ns),
            parent_autoreaps: row.parent_autoreaps,
            look_ns: row.look_ns,
        }
    }

    /// Takes back what a row that is no longer kept has used.
    pub(super) fn release(&mut self, row: &Row) {
        self.comms.release(row.comm);
        for process in [row.forker, row.former, row.kin.parent, row.kin.tracer] {
            self.processes.release(process);
        }
        self.cgroups.release(row.kin.cgroups);
        self.traits.release(row.traits);
        self.namespaces.release(row.pids);
    }

    pub(super) fn parent_of(&self, kin: Kin) -> Option<&Process> {
        self.processes.at(kin.parent)
    }

    pub(super) fn tracer_of(&self, kin: Kin) -> Option<&Process> {
        self.processes.at(kin.tracer)
    }

    pub(super) fn cgroups_of(&self, kin: Kin) -> CgroupIds {
        self.cgroups.get(kin.cgroups).unwrap_or_default()
    }

    /// All PIDs of a row.
    pub(super) fn pids(&self, row: &Row) -> Vec<NamespacePid> {
        let rare = row.rare.as_deref().map(|rare| rare.pids.clone());
        self.namespaces.get(row.pids, rare.unwrap_or_default())
    }

    /// Whether nothing is left of rows that were released.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            processes,
            comms,
            cgroups,
            traits,
            namespaces,
        } = self;
        let used = [processes.len(), comms.len(), cgroups.len(), traits.len()];
        used.iter().sum::<usize>() + namespaces.len() == 0
    }
}

/// The only one, if it was responsible until the present one was; otherwise all, which do not fit.
fn pack_former(
    former: Vec<Former>,
    next_as_of_ns: u64,
) -> (Option<(Process, WasFormer)>, Vec<Former>) {
    let [only] = former[..] else {
        return (None, former);
    };
    if only.until_ns != next_as_of_ns {
        return (None, former);
    }
    let was = WasFormer {
        was_tracer: only.was_tracer,
        until_is_upper_bound: only.until_is_upper_bound,
    };
    (Some((only.process, was)), Vec::new())
}

/// In 4 bytes each; `None` if one took too long for that.
fn pack_steps(steps: &Steps) -> Option<[u32; STEPS]> {
    let mut packed = [UNKNOWN; STEPS];
    for (packed, (_, ns)) in packed.iter_mut().zip(steps.each()) {
        if let Some(ns) = ns {
            *packed = u32::try_from(ns).ok().filter(|&ns| ns != UNKNOWN)?;
        }
    }
    Some(packed)
}

fn unpack_steps(packed: [u32; STEPS]) -> Steps {
    Steps::of(packed.map(|ns| (ns != UNKNOWN).then_some(u64::from(ns))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::KillBy;

    fn entry() -> Entry {
        let someone = |tgid| Process::new(tgid, u64::from(tgid), "someone");
        let pid = |nr| NamespacePid {
            namespace: 7 + nr,
            nr,
        };
        let record = Record {
            process: Process {
                tid: 43,
                ..Process::new(42, 5, "dead")
            },
            parent: Some(someone(1)),
            tracer: Some(someone(2)),
            former: Vec::new(),
            forker: Some(someone(3)),
            kill: None,
            begin_ns: Some(8),
            died: Died {
                at_ns: 9,
                bound: DiedBound::NotBefore,
            },
            status: Some(ExitStatus::Dumped(11)),
            exit_signal: Some(-1),
            cgroups: CgroupIds {
                v1: None,
                v2: Some(77),
            },
            uid: 1000,
            resources: Some(Resources {
                user_ns: 1,
                system_ns: 2,
                threads: Some(3),
                max_rss_bytes: 4,
            }),
            steps: Some(Box::new(Steps {
                closing_files: Some(u64::from(UNKNOWN) - 1),
                other: Some(0),
                ..Steps::default()
            })),
            pids: vec![pid(42), pid(1)],
            reap: None,
        };
        Entry {
            record,
            exact_start: true,
            responsible_as_of_ns: 10,
            found_ns: Some(11),
            parent_autoreaps: true,
            look_ns: 12,
        }
    }

    fn comes_back(entry: &Entry) -> usize {
        let mut shared = Shared::default();
        let row = shared.pack(entry.clone());
        assert_eq!(&shared.unpack(&row), entry);
        assert_eq!(shared.pids(&row), entry.record.pids);
        shared.release(&row);
        assert!(shared.is_empty());
        row.rare.map_or(0, |_| 1)
    }

    #[test]
    fn what_was_packed_comes_back() {
        let mut usual = entry();
        assert_eq!(comes_back(&usual), 0, "all of it fits into a row");
        for (was_tracer, until_is_upper_bound) in [(false, false), (false, true), (true, false)] {
            usual.record.former = vec![Former {
                process: Process::new(8, 1, "former"),
                was_tracer,
                until_ns: usual.responsible_as_of_ns,
                until_is_upper_bound,
            }];
            assert_eq!(comes_back(&usual), 0, "as of many that are adopted at once");
        }
        let mut bare = entry();
        bare.record = Record {
            parent: None,
            tracer: None,
            forker: None,
            begin_ns: None,
            status: None,
            exit_signal: None,
            resources: None,
            steps: None,
            pids: Vec::new(),
            ..bare.record
        };
        bare.found_ns = None;
        assert_eq!(comes_back(&bare), 0);
    }

    #[test]
    fn what_does_not_fit_into_a_row_comes_back_too() {
        let mut rare = entry();
        let steps = Steps {
            releasing_memory: Some(u64::from(UNKNOWN)),
            ..Steps::default()
        };
        rare.record.steps = Some(Box::new(steps));
        let pid = |nr| NamespacePid { namespace: nr, nr };
        rare.record.pids = [1, 2, 3].map(pid).to_vec();
        rare.record.kill = Some(Box::new(Kill {
            by: Some(KillBy::Oom),
            process: None,
            signal: 9,
            at_ns: 3,
        }));
        let earlier = Former {
            process: Process::new(8, 1, "former"),
            was_tracer: false,
            until_ns: rare.responsible_as_of_ns - 1,
            until_is_upper_bound: false,
        };
        let last = Former {
            until_ns: rare.responsible_as_of_ns,
            ..earlier
        };
        for former in [vec![earlier], vec![earlier, last]] {
            rare.record.former = former;
            assert_eq!(comes_back(&rare), 1);
        }
    }

    /// A hundred thousand zombies must fit into little.
    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 152, "{}", size_of::<Row>());
    }
}
