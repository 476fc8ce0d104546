//! How full the PID tables are, one line for each that matters.

use std::fmt::Write as _;

use api::{Pids, Scope};

use super::Look;
use super::text::count;

/// Full from this share of the limit on.
const FULL: f64 = 0.8;
/// Or if it will be full within this time.
const SOON_SECONDS: f64 = 3600.0;

/// Whether it needs attention.
pub fn matters(pids: &Pids) -> bool {
    is_filling(pids) || pids.refused_forks.is_some_and(|forks| forks > 0)
}

fn is_filling(pids: &Pids) -> bool {
    let full = pids.used as f64 >= FULL * pids.limit as f64;
    full || pids.full_in_seconds.is_some_and(|it| it <= SOON_SECONDS)
}

/// The most important one: a table that is filling up comes before one that refused forks earlier.
pub fn alarm(pids: &[Pids]) -> Option<&Pids> {
    let filling = pids.iter().find(|it| is_filling(it));
    filling.or_else(|| pids.iter().find(|it| matters(it)))
}

/// `PIDs of the node: 412 of 32768 in use, 12 zombies among them; full in 3h at this rate`.
pub fn line(pids: &Pids, look: Look) -> String {
    let name = look.workload(pids.container.as_ref());
    match &pids.scope {
        Scope::Node => of("the node", pids, look),
        Scope::Cgroup(path) => {
            let path = look.clean(path);
            if pids.container.is_none() || name == path {
                of(&format!("cgroup {path}"), pids, look)
            } else {
                of(&format!("{name} (cgroup {path})"), pids, look)
            }
        }
    }
}

/// The same for a screen, where the path of a workload with a name would take several lines.
pub fn brief(pids: &Pids, look: Look) -> String {
    match (&pids.scope, look.workload_of(pids.container.as_ref())) {
        (Scope::Cgroup(_), Some(name)) => of(&name, pids, look),
        _ => line(pids, look),
    }
}

fn of(scope: &str, pids: &Pids, look: Look) -> String {
    let mut text = format!("PIDs of {scope}: {} of {} in use", pids.used, pids.limit);
    if let Some(zombies) = pids.zombies.filter(|&zombies| zombies > 0) {
        write!(text, ", {} among them", count(zombies, "zombie")).expect("to a string");
    }
    if let Some(seconds) = pids.full_in_seconds {
        let left = look.duration(seconds);
        write!(text, "; full in {left} at this rate").expect("to a string");
    }
    if let Some(forks) = pids.refused_forks.filter(|&forks| forks > 0) {
        write!(text, "; {} refused so far", count(forks, "fork")).expect("to a string");
    }
    text
}

/// The node always, and each cgroup that matters.
pub fn lines(pids: &[Pids], look: Look) -> String {
    let shown = pids
        .iter()
        .filter(|it| it.scope == Scope::Node || matters(it));
    shown.map(|it| line(it, look) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Container, Seconds};

    const LOOK: Look = Look {
        color: false,
        ascii: true,
    };

    fn pids(scope: &str, used: u64, zombies: Option<u64>, full: Option<f64>) -> Pids {
        Pids {
            scope: match scope {
                "node" => Scope::Node,
                path => Scope::Cgroup(path.to_owned()),
            },
            container: None,
            used,
            limit: 100,
            zombies,
            leaked_per_second: full.map(|_| 1.0),
            full_in_seconds: full.map(Seconds),
            refused_forks: None,
        }
    }

    #[test]
    fn only_cgroups_with_limits_or_zombies_are_listed() {
        let all = [
            pids("node", 10, Some(0), None),
            pids("/a\x1b", 80, None, None),
            pids("/b", 79, Some(3), Some(90_000.0)),
            Pids {
                container: Some(Container {
                    namespace: Some("shop".to_owned()),
                    pod: Some("web-0".to_owned()),
                    ..Container::default()
                }),
                ..pids("/c", 2, Some(1), Some(98.0))
            },
            Pids {
                refused_forks: Some(3),
                ..pids("/d", 2, Some(0), None)
            },
        ];
        assert!(brief(&all[3], LOOK).starts_with("PIDs of shop/web-0: 2 of 100"));
        assert_eq!(alarm(&all).map(|it| &it.scope), Some(&all[1].scope));
        assert_eq!(alarm(&all[4..]).map(|it| &it.scope), Some(&all[4].scope));
        assert_eq!(
            lines(&all, LOOK),
            "PIDs of the node: 10 of 100 in use
PIDs of cgroup /a?: 80 of 100 in use
PIDs of shop/web-0 (cgroup /c): 2 of 100 in use, 1 zombie among them; full in 1m38s at this rate
PIDs of cgroup /d: 2 of 100 in use; 3 forks refused so far
"
        );
    }
}
