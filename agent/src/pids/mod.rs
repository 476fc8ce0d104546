//! How full the tables of PIDs are, of the node and of each cgroup with a limit, and when zombies
//! will have filled them. Pure, but for `read`, which looks at /proc and the cgroups.

pub mod read;

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Leaks are measured over the last minute at most.
const WINDOW_NS: u64 = 60_000_000_000;
/// And over one second at least.
const LEAST_NS: u64 = 1_000_000_000;
/// Cgroups that are told of: the fullest. The bound of all groups in the metrics.
const SCOPES: usize = 255;

/// Where PIDs are counted and limited.
///
/// The path is all that is known of a cgroup here; who resolves it to a pod or a unit does so
/// where a [`Usage`] becomes a document or a sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole machine.
    Node,
    /// A cgroup and those below it, by its path in its hierarchy.
    Cgroup(String),
}

impl Scope {
    /// `node`, or the path.
    pub fn name(&self) -> &str {
        match self {
            Self::Node => "node",
            Self::Cgroup(path) => path,
        }
    }
}

/// What a look at the cgroups found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Those with a limit.
    pub counted: Vec<Counted>,
    /// Path of each cgroup of version 2, by its id; `None` where not all could be looked at.
    pub paths: Option<HashMap<u64, String>>,
}

/// A cgroup with a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its path.
    pub path: String,
    /// PIDs in use, in it and below.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
    /// How many of them are not of living threads, in a hierarchy of version 1, where the cgroup
    /// of a zombie is not told.
    pub not_living: Option<u64>,
}

/// The zombies in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zombies {
    /// How many.
    pub count: u64,
    /// Whether some of them may only be on their way out.
    pub at_most: bool,
}

/// How full a scope is.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Which.
    pub scope: Scope,
    /// PIDs in use: of processes, their threads and zombies.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
    /// How many of those in use are zombies.
    pub zombies: Option<Zombies>,
    /// How many more zombies there are each second; `None` until two looks tell.
    pub leaked_per_second: Option<f64>,
}

impl Usage {
    /// In how many seconds it is full, if it goes on so; `None` where nothing leaks.
    pub fn full_in_seconds(&self) -> Option<f64> {
        let leak = self.leaked_per_second.filter(|&leak| leak > 0.0)?;
        Some(self.limit.saturating_sub(self.used) as f64 / leak)
    }
}

/// How full the cgroups of a walk are. `zombies` are the ids of the cgroups (version 2) of all
/// zombies, where they are known.
pub fn usages(walk: &Walk, zombies: &[Option<u64>]) -> Vec<Usage> {
    let paths = walk.paths.as_ref();
    let homes = paths.map(|paths| {
        let known = zombies.iter().flatten().filter_map(|id| paths.get(id));
        known.map(String::as_str).collect::<Vec<_>>()
    });
    let usage = |counted: &Counted| {
        let below = |home: &&&str| is_within(home, &counted.path);
        let in_v2 = || {
            homes
                .as_ref()
                .map(|homes| homes.iter().filter(below).count())
        };
        let found = match counted.not_living {
            Some(dead) => Some(Zombies {
                count: dead.min(zombies.len() as u64),
                at_most: true,
            }),
            None => in_v2().map(|count| Zombies {
                count: count as u64,
                at_most: false,
            }),
        };
        Usage {
            scope: Scope::Cgroup(counted.path.clone()),
            used: counted.used,
            limit: counted.limit,
            zombies: found,
            leaked_per_second: None,
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

fn is_within(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How many zombies each scope had of late.
#[derive(Debug, Default)]
pub struct History {
    of: BTreeMap<Scope, VecDeque<(u64, u64)>>,
}

impl History {
    /// Remembers a look; scopes that are not in it are forgotten.
    pub fn add(&mut self, now_ns: u64, usages: &[Usage]) {
        let mut before = std::mem::take(&mut self.of);
        for usage in usages {
            let Some(zombies) = usage.zombies else {
                continue;
            };
            let mut looks = before.remove(&usage.scope).unwrap_or_default();
            looks.retain(|(at_ns, _)| now_ns.saturating_sub(*at_ns) <= WINDOW_NS);
            looks.push_back((now_ns, zombies.count));
            self.of.insert(usage.scope.clone(), looks);
        }
    }

    /// How fast the zombies of a scope become more, by the first look that is remembered.
    pub fn leak(&self, now_ns: u64, scope: &Scope, zombies: Zombies) -> Option<f64> {
        let (at_ns, count) = *self.of.get(scope)?.front()?;
        let span_ns = now_ns.checked_sub(at_ns).filter(|&ns| ns >= LEAST_NS)?;
        Some(zombies.count.saturating_sub(count) as f64 / (span_ns as f64 / 1e9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(path: &str, used: u64, limit: u64, not_living: Option<u64>) -> Counted {
        Counted {
            path: path.to_owned(),
            used,
            limit,
            not_living,
        }
    }

    #[test]
    fn zombies_count_in_each_cgroup_above_them_and_in_no_other() {
        let ids = [(1, "/"), (2, "/pods"), (3, "/pods/a"), (4, "/pods-b")];
        let walk = Walk {
            counted: vec![
                counted("/pods", 10, 100, None),
                counted("/pods/a", 9, 10, None),
                counted("/pods-b", 5, 0, None),
            ],
            paths: Some(ids.map(|(id, path)| (id, path.to_owned())).into()),
        };
        let usages = usages(&walk, &[Some(3), Some(3), Some(2), Some(1), Some(99), None]);
        let told: Vec<_> = usages
            .iter()
            .map(|usage| (usage.scope.name(), usage.zombies.map(|it| it.count)))
            .collect();
        assert_eq!(
            told,
            [
                ("/pods-b", Some(0)),
                ("/pods/a", Some(2)),
                ("/pods", Some(3))
            ],
            "the fullest first"
        );
    }

    #[test]
    fn what_is_not_told_is_a_bound_or_nothing() {
        let walk = Walk {
            counted: vec![counted("/v1", 9, 10, Some(5)), counted("/v2", 5, 10, None)],
            paths: None,
        };
        let usages = usages(&walk, &[None, None, None]);
        let at_most = Zombies {
            count: 3,
            at_most: true,
        };
        assert_eq!(usages[0].zombies, Some(at_most), "no more than there are");
        assert_eq!(usages[1].zombies, None);
    }

    fn node(used: u64, zombies: u64) -> Usage {
        Usage {
            scope: Scope::Node,
            used,
            limit: 100,
            zombies: Some(Zombies {
                count: zombies,
                at_most: false,
            }),
            leaked_per_second: None,
        }
    }

    fn later(history: &History, now_ns: u64, mut usage: Usage) -> Usage {
        let zombies = usage.zombies.expect("they are known");
        usage.leaked_per_second = history.leak(now_ns, &usage.scope, zombies);
        usage
    }

    #[test]
    fn a_leak_fills_and_what_does_not_leak_is_never_full() {
        let second = 1_000_000_000;
        let mut history = History::default();
        assert_eq!(later(&history, 0, node(50, 2)).leaked_per_second, None);
        history.add(0, &[node(50, 2)]);
        let soon = later(&history, second / 2, node(50, 3));
        assert_eq!(
            (soon.leaked_per_second, soon.full_in_seconds()),
            (None, None)
        );
        let leaking = later(&history, 10 * second, node(60, 12));
        assert_eq!(leaking.leaked_per_second, Some(1.0));
        assert_eq!(leaking.full_in_seconds(), Some(40.0));
        let reaped = later(&history, 10 * second, node(49, 1));
        assert_eq!(reaped.leaked_per_second, Some(0.0));
        assert_eq!(reaped.full_in_seconds(), None);
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
