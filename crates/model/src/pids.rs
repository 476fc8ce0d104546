//! How full the PID tables of the node and of each cgroup with a limit are, and when zombies will
//! fill them.

use std::collections::{BTreeMap, HashMap, VecDeque};

pub use api::Scope;
use api::Seconds;

use crate::events::{CgroupId, CgroupIds, CgroupVersion};

/// Leaks are measured over at most a minute.
const WINDOW_NS: u64 = 60_000_000_000;
/// And over at least a second.
const LEAST_NS: u64 = 1_000_000_000;
/// Maximum number of reported cgroups: the fullest. Equals the limit of groups in the metrics.
const SCOPES: usize = 255;

/// The result of reading the cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Those with a limit.
    pub counted: Vec<Counted>,
    /// Forks refused to each cgroup since it was created; each is counted in one cgroup.
    pub refused: HashMap<CgroupId, u64>,
    /// Path of each cgroup; `None` if not all could be read.
    pub paths: Option<HashMap<CgroupId, String>>,
}

/// A cgroup with a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its id.
    pub id: CgroupId,
    /// Its path.
    pub path: String,
    /// PIDs in use, in it and below.
    pub used: u64,
    /// Its limit.
    pub limit: u64,
    /// Forks refused in it and below since it was created.
    pub refused: Option<u64>,
}

/// How full a scope is.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// The scope.
    pub scope: Scope,
    /// The id of the cgroup.
    pub cgroup: Option<CgroupId>,
    /// PIDs in use: of processes, their threads and zombies.
    pub used: u64,
    /// Its limit.
    pub limit: u64,
    /// Zombies among the PIDs in use.
    pub zombies: Option<u64>,
    /// New zombies per second; `None` until there are two readings.
    pub leaked_per_second: Option<f64>,
    /// Forks refused by a limit, in it and below, since it was created.
    pub refused: Option<u64>,
}

impl Usage {
    /// The time until it is full at this rate; `None` if nothing leaks.
    pub fn full_in(&self) -> Option<Seconds> {
        let leak = self.leaked_per_second.filter(|&leak| leak > 0.0)?;
        Some(Seconds(self.limit.saturating_sub(self.used) as f64 / leak))
    }
}

/// How full the cgroups of a walk are. `zombies` are the cgroups of all zombies, with their numbers.
pub fn usages(walk: &Walk, zombies: &[(CgroupIds, u64)]) -> Vec<Usage> {
    let homes = |version| homes(walk, zombies, version);
    let [in_v1, in_v2] = [CgroupVersion::V1, CgroupVersion::V2].map(homes);
    let usage = |counted: &Counted| {
        let homes = match counted.id.version {
            CgroupVersion::V1 => &in_v1,
            CgroupVersion::V2 => &in_v2,
        };
        let below = |(home, _): &&(&str, u64)| is_within(home, &counted.path);
        // Some may have died since the PIDs were counted.
        let count = |homes: &Vec<(&str, u64)>| {
            let zombies: u64 = homes.iter().filter(below).map(|(_, count)| count).sum();
            zombies.min(counted.used)
        };
        Usage {
            scope: Scope::Cgroup(counted.path.clone()),
            cgroup: Some(counted.id),
            used: counted.used,
            limit: counted.limit,
            zombies: homes.as_ref().map(count),
            leaked_per_second: None,
            refused: counted.refused,
        }
    };
    let mut usages: Vec<_> = walk.counted.iter().map(usage).collect();
    // By share of the limit, without dividing by a limit of 0.
    usages.sort_by_key(|usage| {
        let share = (u128::from(usage.used) << 64) / u128::from(usage.limit.max(1));
        (std::cmp::Reverse(share), usage.scope.clone())
    });
    usages.truncate(SCOPES);
    usages
}

/// The cgroup path of each zombie; `None` if unknown: if the walk was incomplete, or no zombie has
/// a path in this hierarchy.
fn homes<'a>(
    walk: &'a Walk,
    zombies: &[(CgroupIds, u64)],
    version: CgroupVersion,
) -> Option<Vec<(&'a str, u64)>> {
    let paths = walk.paths.as_ref()?;
    let ids = zombies
        .iter()
        .filter_map(|(it, count)| Some((it.of(version)?, *count)));
    let ids: Vec<_> = ids.collect();
    let any_known = !ids.is_empty() || zombies.is_empty();
    let known = ids
        .iter()
        .filter_map(|(id, count)| Some((paths.get(id)?.as_str(), *count)));
    any_known.then(|| known.collect())
}

fn is_within(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Recent number of zombies in each scope.
#[derive(Debug, Default)]
pub struct History {
    of: BTreeMap<Scope, VecDeque<(u64, u64)>>,
}

impl History {
    /// Adds a reading; scopes that are not in it are dropped.
    pub fn add(&mut self, now_ns: u64, usages: &[Usage]) {
        let mut before = std::mem::take(&mut self.of);
        for usage in usages {
            let Some(zombies) = usage.zombies else {
                continue;
            };
            let mut looks = before.remove(&usage.scope).unwrap_or_default();
            looks.retain(|(at_ns, _)| now_ns.saturating_sub(*at_ns) <= WINDOW_NS);
            looks.push_back((now_ns, zombies));
            self.of.insert(usage.scope.clone(), looks);
        }
    }

    /// How fast the zombies of a scope grow, since the first remembered reading. One burst is no
    /// leak: it is 0 if there were as many in the middle of that time.
    pub fn leak(&self, now_ns: u64, scope: &Scope, zombies: u64) -> Option<f64> {
        let looks = self.of.get(scope)?;
        let (at_ns, count) = *looks.front()?;
        let span_ns = now_ns.checked_sub(at_ns).filter(|&ns| ns >= LEAST_NS)?;
        let mut later = looks.iter().filter(|(at, _)| *at >= at_ns + span_ns / 2);
        if later.next().is_some_and(|(_, then)| *then >= zombies) {
            return Some(0.0);
        }
        Some(zombies.saturating_sub(count) as f64 / (span_ns as f64 / 1e9))
    }
}

/// The refused forks of each cgroup at the last reading.
#[derive(Debug, Default)]
pub struct Refusals {
    last: HashMap<CgroupId, u64>,
    /// Whether it covered every cgroup; `None` before the first reading.
    was_whole: Option<bool>,
}

impl Refusals {
    /// New refusals in each cgroup. Those before the first reading do not count.
    pub fn more(&mut self, walk: &Walk) -> Vec<(CgroupId, u64)> {
        let was_whole = self.was_whole.replace(walk.paths.is_some());
        let mut more = Vec::new();
        for (&id, &refused) in &walk.refused {
            let last = self.last.insert(id, refused);
            // A cgroup that was not read before may have old refusals.
            let before = last.or_else(|| (was_whole == Some(true)).then_some(0));
            let new = before.map_or(0, |before| refused.saturating_sub(before));
            if new > 0 {
                more.push((id, new));
            }
        }
        if let Some(paths) = &walk.paths {
            self.last.retain(|id, _| paths.contains_key(id));
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(version: CgroupVersion, id: u64) -> CgroupId {
        CgroupId { version, id }
    }

    fn counted(id: CgroupId, path: &str, used: u64, limit: u64) -> Counted {
        Counted {
            id,
            path: path.to_owned(),
            used,
            limit,
            refused: None,
        }
    }

    fn zombie(v1: Option<u64>, v2: Option<u64>) -> CgroupIds {
        CgroupIds { v1, v2 }
    }

    #[test]
    fn zombies_count_in_each_cgroup_above_them_and_in_no_other() {
        let v1 = |id| cgroup(CgroupVersion::V1, id);
        let v2 = |id| cgroup(CgroupVersion::V2, id);
        let ids = [
            (v2(1), "/"),
            (v2(2), "/pods"),
            (v2(3), "/pods/a"),
            (v2(4), "/pods-b"),
            (v1(3), "/old"),
        ];
        let walk = Walk {
            counted: vec![
                counted(v2(2), "/pods", 10, 100),
                counted(v2(3), "/pods/a", 9, 10),
                counted(v2(4), "/pods-b", 5, 0),
                counted(v1(3), "/old", 1, 1000),
            ],
            refused: HashMap::new(),
            paths: Some(ids.map(|(id, path)| (id, path.to_owned())).into()),
        };
        let zombies = [
            zombie(Some(3), Some(3)),
            zombie(None, Some(3)),
            zombie(Some(1), Some(2)),
            zombie(None, Some(1)),
            zombie(None, Some(99)),
            zombie(None, None),
        ];
        let usages = usages(&walk, &zombies.map(|zombie| (zombie, 1)));
        let shown: Vec<_> = usages
            .iter()
            .map(|usage| (usage.scope.name(), usage.zombies))
            .collect();
        assert_eq!(
            shown,
            [
                ("/pods-b", Some(0)),
                ("/pods/a", Some(2)),
                ("/pods", Some(3)),
                ("/old", Some(1)),
            ],
            "the fullest first"
        );
    }

    #[test]
    fn zombies_of_an_unknown_cgroup_are_unknown() {
        let v1 = cgroup(CgroupVersion::V1, 2);
        let mut walk = Walk {
            counted: vec![counted(v1, "/old", 9, 10)],
            refused: HashMap::new(),
            paths: None,
        };
        let zombies = |walk: &Walk, of: &[CgroupIds]| {
            let of: Vec<_> = of.iter().map(|zombie| (*zombie, 1)).collect();
            usages(walk, &of)[0].zombies
        };
        assert_eq!(zombies(&walk, &[zombie(Some(2), None)]), None);
        walk.paths = Some([(v1, "/old".to_owned())].into());
        assert_eq!(zombies(&walk, &[zombie(Some(2), None)]), Some(1));
        assert_eq!(zombies(&walk, &[zombie(None, Some(2))]), None);
        assert_eq!(zombies(&walk, &[]), Some(0));
    }

    #[test]
    fn only_forks_that_were_refused_since_the_first_look_are_new() {
        let id = cgroup(CgroupVersion::V2, 7);
        let made = cgroup(CgroupVersion::V2, 8);
        let walk = |refused: &[(CgroupId, u64)], is_whole: bool| Walk {
            refused: refused.iter().copied().collect(),
            paths: is_whole.then(|| refused.iter().map(|it| (it.0, String::new())).collect()),
            ..Walk::default()
        };
        let mut refusals = Refusals::default();
        assert_eq!(refusals.more(&walk(&[(id, 5)], true)), []);
        assert_eq!(refusals.more(&walk(&[(id, 7)], false)), [(id, 2)]);
        assert_eq!(refusals.more(&walk(&[(id, 7), (made, 3)], true)), []);
        assert_eq!(refusals.more(&walk(&[(id, 7)], true)), []);
        let again = walk(&[(id, 7), (made, 3)], true);
        assert_eq!(refusals.more(&again), [(made, 3)]);
    }

    fn node(used: u64, zombies: u64) -> Usage {
        Usage {
            scope: Scope::Node,
            cgroup: None,
            used,
            limit: 100,
            zombies: Some(zombies),
            leaked_per_second: None,
            refused: None,
        }
    }

    fn later(history: &History, now_ns: u64, mut usage: Usage) -> Usage {
        let zombies = usage.zombies.expect("they are known");
        usage.leaked_per_second = history.leak(now_ns, &usage.scope, zombies);
        usage
    }

    #[test]
    fn only_a_leaking_table_has_a_time_until_full() {
        let second = 1_000_000_000;
        let mut history = History::default();
        assert_eq!(later(&history, 0, node(50, 2)).leaked_per_second, None);
        history.add(0, &[node(50, 2)]);
        let soon = later(&history, second / 2, node(50, 3));
        assert_eq!((soon.leaked_per_second, soon.full_in()), (None, None));
        let leaking = later(&history, 10 * second, node(60, 12));
        assert_eq!(leaking.leaked_per_second, Some(1.0));
        assert_eq!(leaking.full_in(), Some(Seconds(40.0)));
        let reaped = later(&history, 10 * second, node(49, 1));
        assert_eq!(reaped.leaked_per_second, Some(0.0));
        assert_eq!(reaped.full_in(), None);
        history.add(6 * second, &[node(60, 12)]);
        let burst = later(&history, 10 * second, node(60, 12));
        assert_eq!(burst.leaked_per_second, Some(0.0), "none came after it");
        history.add(70 * second, &[node(60, 12)]);
        let over = later(&history, 72 * second, node(60, 12));
        assert_eq!(
            over.leaked_per_second,
            Some(0.0),
            "the first look is too old"
        );
        history.add(73 * second, &[]);
        assert_eq!(
            later(&history, 75 * second, node(60, 12)).leaked_per_second,
            None
        );
    }
}
