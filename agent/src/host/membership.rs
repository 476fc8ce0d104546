//! Parses /proc/PID/cgroup: the cgroup of a process in each hierarchy. Pure.
//!
//! A zombie still shows its path in the unified hierarchy, with a mark if the directory is gone; in
//! v1 hierarchies it shows the root
//! ([`proc_cgroup_show`](https://elixir.bootlin.com/linux/v6.12/A/ident/proc_cgroup_show)).

use model::workload::{Owner, path};

/// The v1 hierarchies that are most specific, in this order.
const TELLING: [&str; 4] = ["name=systemd", "pids", "memory", "cpu"];

/// The most specific path: a container's first, then the unified hierarchy's before a v1 one.
/// `None` if there is no path.
pub fn best(text: &str) -> Option<&str> {
    let lines: Vec<_> = text.lines().filter_map(line).collect();
    let unified = lines.iter().find(|(controllers, _)| controllers.is_empty());
    let by_name = TELLING.iter().filter_map(|name| {
        let has = |controllers: &str| controllers.split(',').any(|it| it == *name);
        lines.iter().find(|(controllers, _)| has(controllers))
    });
    let paths: Vec<_> = unified
        .into_iter()
        .chain(by_name)
        .map(|(_, path)| *path)
        .collect();
    let container = paths.iter().find(|path| {
        let place = path::parse(path, Owner::Root);
        place.container.is_some() || place.pod_uid.is_some()
    });
    let below_root = paths.iter().find(|path| **path != "/");
    container.or(below_root).or(paths.first()).copied()
}

/// The path in the unified hierarchy.
pub fn unified(text: &str) -> Option<&str> {
    let mut lines = text.lines().filter_map(line);
    lines.find_map(|(controllers, path)| controllers.is_empty().then_some(path))
}

fn line(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.splitn(3, ':').skip(1);
    Some((parts.next()?, path::clean(parts.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_version_2_there_is_one_path() {
        assert_eq!(
            best("0::/system.slice/a.service\n"),
            Some("/system.slice/a.service")
        );
        assert_eq!(best("0::/x (deleted)\n"), Some("/x"));
        assert_eq!(best("0::/\n"), Some("/"));
        assert_eq!(best(""), None);
    }

    #[test]
    fn on_version_1_the_systemd_path_is_preferred() {
        let text = "9:name=systemd:/system.slice/a.service\n4:memory:/b\n0::/\n";
        assert_eq!(best(text), Some("/system.slice/a.service"));
        let text = "9:name=systemd:/\n4:memory:/b\n3:cpuset:/c\n0::/\n";
        assert_eq!(best(text), Some("/b"));
        assert_eq!(unified(text), Some("/"));
    }

    #[test]
    fn a_container_is_found_in_whichever_hierarchy_has_it() {
        let id = "a".repeat(64);
        let text = format!(
            "12:cpu,cpuacct:/docker/{id}\n1:name=systemd:/\n0::/system.slice/containerd.service\n"
        );
        assert_eq!(best(&text), Some(format!("/docker/{id}").as_str()));
    }

    #[test]
    fn damaged_memberships_are_read() {
        let text = format!(
            "12:cpu,cpuacct:/kubepods/pod{}/{}\n1:name=systemd:/\n0::/../a.service (deleted)\n",
            "0a".repeat(18),
            "a".repeat(64)
        );
        fuzz::feed(&[text], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = unified(&text);
            if let Some(path) = best(&text) {
                path::parse(path, Owner::User(7));
                path::unit_around(path);
            }
        });
    }
}
