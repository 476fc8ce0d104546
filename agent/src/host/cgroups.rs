//! The cgroup hierarchies of this host: where they are mounted, which v1 hierarchy has the
//! workloads, and what paths mean to an agent in its own cgroup namespace. I/O.
//!
//! In such a namespace, as containers have, the kernel shows paths relative to the agent's own
//! cgroup: others begin with as many `/..` as it takes to reach a common ancestor
//! ([`cgroup_namespaces(7)`](https://man7.org/linux/man-pages/man7/cgroup_namespaces.7.html)).

use std::ffi::OsString;
use std::fs;
use std::os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::host::proc;
use model::events::ROOT_ID;
use model::workload::Owner;

/// Controllers whose v1 hierarchy has the workloads of runtimes and systemd, best first: pids,
/// since zombies use up its limit.
const TELLING: [&str; 3] = ["pids", "memory", "cpu"];
/// Maximum number of cgroups searched for the agent's own.
const FOLDERS: usize = 16_384;

/// The v1 hierarchy that workloads are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version1 {
    /// One of its controllers.
    pub controller: &'static str,
    /// Its id, as numbered by the kernel; 0 is the unified one.
    pub hierarchy: u32,
}

impl Version1 {
    /// The best one of this host.
    pub fn find() -> Option<Self> {
        Self::best(&own())
    }

    /// From the text of any /proc/PID/cgroup, which has one line per hierarchy.
    fn best(text: &[u8]) -> Option<Self> {
        let lines = || lines(text).filter_map(Line::parse);
        TELLING.into_iter().find_map(|controller| {
            let line = lines().find(|line| line.has(controller))?;
            let hierarchy = line.hierarchy.parse().ok().filter(|&id| id != 0)?;
            Some(Self {
                controller,
                hierarchy,
            })
        })
    }
}

/// Whether this host has workloads in v1, even where the kernel side cannot read them: in systemd's
/// hierarchy, which has no controller.
pub fn has_v1() -> bool {
    let text = own();
    Version1::best(&text).is_some() || path_of(&text, "name=systemd").is_some()
}

/// The agent's own cgroups.
fn own() -> Vec<u8> {
    fs::read("/proc/self/cgroup").unwrap_or_default()
}

/// The lines of a file of bytes. No cgroup has a newline in its name; mountinfo escapes them.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter(|line| !line.is_empty())
}

/// One line of /proc/PID/cgroup.
struct Line<'a> {
    hierarchy: &'a str,
    controllers: &'a str,
    path: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        Some(Self {
            hierarchy: std::str::from_utf8(parts.next()?).ok()?,
            controllers: std::str::from_utf8(parts.next()?).ok()?,
            path: parts.next()?,
        })
    }

    /// The unified hierarchy has the empty name.
    fn has(&self, controller: &str) -> bool {
        self.controllers.split(',').any(|name| name == controller)
    }
}

/// The path in the hierarchy of a controller, from the text of a /proc/PID/cgroup; the unified one
/// has the empty name.
pub fn path_of<'a>(text: &'a [u8], controller: &str) -> Option<&'a [u8]> {
    let mut lines = lines(text).filter_map(Line::parse);
    lines.find_map(|line| line.has(controller).then_some(line.path))
}

/// Where hierarchies are mounted, from their root as far as visible.
#[derive(Debug, Default)]
pub struct Mounts(Vec<Mount>);

#[derive(Debug)]
struct Mount {
    /// Empty for the unified hierarchy.
    controllers: Vec<String>,
    point: PathBuf,
    home: Home,
}

/// The root of the agent's cgroup namespace in one hierarchy, relative to its mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Home {
    /// How deep it is below the mount.
    depth: usize,
    /// The names on the path to it, if known.
    names: Option<Vec<OsString>>,
}

impl Mounts {
    /// Those of this mount namespace.
    pub fn find() -> Self {
        let mut mounts = Self::parse(&fs::read("/proc/self/mountinfo").unwrap_or_default());
        let own = own();
        for mount in mounts.0.iter_mut().filter(|mount| mount.home.depth > 0) {
            let name = mount.controllers.first().map_or("", String::as_str);
            let below = path_of(&own, name).unwrap_or_default();
            mount.home.names = way_home(&mount.point, mount.home.depth, below);
        }
        mounts
    }

    /// `proc_pid_mountinfo(5)`. Mounts of a part of a hierarchy are skipped, since their paths
    /// differ. Of several, the one closest to the root is used.
    fn parse(mountinfo: &[u8]) -> Self {
        let mut mounts = Vec::<Mount>::new();
        for line in lines(mountinfo) {
            let fields: Vec<_> = line.split(|&byte| byte == b' ').collect();
            // Optional fields end with a dash; the first six always exist.
            let dash = fields.iter().skip(6).position(|field| *field == b"-");
            let Some((place, [kind, _, options, ..])) =
                dash.map(|dash| (&fields[..6], &fields[dash + 7..]))
            else {
                continue;
            };
            let (root, point) = (place[3], place[4]);
            let controllers: Vec<_> = match *kind {
                b"cgroup2" => Vec::new(),
                b"cgroup" => {
                    let options = String::from_utf8_lossy(options);
                    options.split(',').map(str::to_owned).collect()
                }
                _ => continue,
            };
            let (depth, rest) = ups(root);
            let known = |it: &Mount| it.controllers == controllers && it.home.depth >= depth;
            if rest != b"/" || mounts.iter().any(known) {
                continue;
            }
            mounts.retain(|it| it.controllers != controllers);
            mounts.push(Mount {
                controllers,
                point: proc::mount_path(point),
                home: Home { depth, names: None },
            });
        }
        Self(mounts)
    }

    /// Where the whole hierarchy of a controller is mounted, so that its directories match the
    /// paths from the kernel side.
    pub fn root_of(&self, controller: &str) -> Option<&Path> {
        let is_root = |point: &&Path| fs::metadata(point).is_ok_and(|it| it.ino() == ROOT_ID);
        self.of(controller).filter(is_root)
    }

    /// Whether the hierarchy that has the workloads is mounted from its root.
    pub fn has_whole(&self) -> bool {
        let controller = Version1::find().map_or("", |it| it.controller);
        self.root_of(controller).is_some()
    }

    /// Where the hierarchy of a controller is mounted; the unified one has the empty name.
    pub fn of(&self, controller: &str) -> Option<&Path> {
        self.mount(controller).map(|mount| mount.point.as_path())
    }

    /// The owner of a cgroup, root only if it is in all hierarchies that have it.
    pub fn owner_of(&self, path: &str) -> Owner {
        let places = self.0.iter();
        let places = places.map(|mount| mount.point.join(path.trim_start_matches('/')));
        let owners = places.filter_map(|place| Some(fs::metadata(place).ok()?.uid()));
        owners.max().map_or(Owner::Unknown, |uid| match uid {
            0 => Owner::Root,
            uid => Owner::User(uid),
        })
    }

    /// One hierarchy, that of a controller, mounted there.
    #[cfg(test)]
    pub fn only(controller: &str, point: &Path) -> Self {
        let names = [controller].into_iter().filter(|name| !name.is_empty());
        Self(vec![Mount {
            controllers: names.map(str::to_owned).collect(),
            point: point.to_owned(),
            home: Home::default(),
        }])
    }

    fn mount(&self, controller: &str) -> Option<&Mount> {
        self.0.iter().find(|mount| match controller {
            "" => mount.controllers.is_empty(),
            name => mount.controllers.iter().any(|it| it == name),
        })
    }

    /// The text of a /proc/PID/cgroup with paths from the roots of the hierarchies. A path whose
    /// beginning is unknown is unchanged.
    pub fn with_whole_paths(&self, text: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
        let mut whole_lines = Vec::new();
        for line in lines(text.as_ref()) {
            let whole = Line::parse(line).and_then(|line| {
                let name = line.controllers.split(',').next().unwrap_or_default();
                let path = self.mount(name)?.home.whole(line.path)?;
                let start = format!("{}:{}:", line.hierarchy, line.controllers);
                Some([start.as_bytes(), &path].concat())
            });
            whole_lines.extend(whole.as_deref().unwrap_or(line));
            whole_lines.push(b'\n');
        }
        whole_lines
    }
}

impl Home {
    /// A path relative to the agent, made relative to the root of the hierarchy.
    fn whole(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (up, rest) = ups(path);
        let shared = self.depth.checked_sub(up)?;
        let mut whole = Vec::new();
        for n in 0..shared {
            whole.push(b'/');
            whole.extend(self.names.as_ref()?.get(n)?.as_bytes());
        }
        if rest != b"/" || whole.is_empty() {
            whole.extend(rest);
        }
        Some(whole)
    }
}

/// How many `/..` a path begins with, and what comes after them, at least a slash.
fn ups(path: &[u8]) -> (usize, &[u8]) {
    let mut count = 0;
    let mut rest = path;
    while let Some(after) = rest.strip_prefix(b"/..")
        && (after.is_empty() || after.starts_with(b"/"))
    {
        count += 1;
        rest = after;
    }
    (count, if rest.is_empty() { b"/" } else { rest })
}

/// The names from the root of a hierarchy to that of the agent's namespace, `depth` below: the path
/// to the first cgroup at the agent's depth that lists the agent.
fn way_home(root: &Path, depth: usize, own: &[u8]) -> Option<Vec<OsString>> {
    let (up, below) = ups(own);
    let names = below.split(|&byte| byte == b'/');
    let below = names.filter(|name| !name.is_empty()).count();
    // The agent was moved out of the root of its own namespace.
    if up > 0 {
        return None;
    }
    let mut level = vec![root.to_owned()];
    let mut left = FOLDERS;
    for _ in 0..depth + below {
        let inner = level.iter().flat_map(fs::read_dir);
        let inner = inner.flatten().flatten();
        let folders = inner.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()));
        level = folders.map(|it| it.path()).take(left).collect();
        left -= level.len();
    }
    let me = std::process::id().to_string();
    let lists_me = |folder: &&PathBuf| {
        let procs = proc::text(folder.join("cgroup.procs")).unwrap_or_default();
        procs.lines().any(|pid| pid == me)
    };
    let own = level.iter().find(lists_me)?;
    let names = own.strip_prefix(root).ok()?.iter().take(depth);
    Some(names.map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
41 31 0:38 /part /elsewhere rw,relatime - cgroup2 cgroup2 rw
42 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const OF: &[u8] = b"6:freezer:/frozen\n1:cpu,cpuacct:/a/b\n0::/pod/c\n";

    #[test]
    fn each_hierarchy_has_its_own_path() {
        let mounts = Mounts::parse(MOUNTS);
        let unified = Path::new("/sys/fs/cgroup/unified");
        assert_eq!(mounts.of(""), Some(unified));
        let cpu = Path::new("/sys/fs/cgroup/cpu");
        assert_eq!(mounts.of("cpuacct"), Some(cpu));
        assert_eq!(mounts.of("pids"), None);
        assert_eq!(path_of(OF, ""), Some(&b"/pod/c"[..]));
        assert_eq!(path_of(OF, "cpu"), Some(&b"/a/b"[..]));
        assert_eq!(path_of(OF, "pids"), None);
        assert_eq!(mounts.with_whole_paths(OF), OF);
        let higher = b"43 31 0:38 /.. /higher rw - cgroup2 cgroup2 rw\n";
        let mounts = Mounts::parse(&[MOUNTS, higher].concat());
        assert_eq!(mounts.of(""), Some(Path::new("/higher")));
    }

    #[test]
    fn the_most_specific_hierarchy_is_chosen() {
        let best =
            |text: &str| Version1::best(text.as_bytes()).map(|it| (it.controller, it.hierarchy));
        assert_eq!(best("4:memory:/b\n8:pids:/a\n0::/\n"), Some(("pids", 8)));
        assert_eq!(best("4:cpu,cpuacct:/b\n0::/\n"), Some(("cpu", 4)));
        assert_eq!(best("1:net_cls:/\n0::/\n"), None);
        assert_eq!(best("1:name=systemd:/\n0::/\n"), None);
        assert_eq!(best("0::/\n"), None);
    }

    #[test]
    fn paths_in_a_cgroup_namespace_are_resolved_from_the_root() {
        let line = b"41 31 0:38 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        let mut mounts = Mounts::parse(line);
        assert_eq!(mounts.of(""), Some(Path::new("/sys/fs/cgroup")));
        let resolved = |mounts: &Mounts, path: &str| {
            let text = mounts.with_whole_paths(&format!("0::{path}\n"));
            path_of(&text, "").map(|path| String::from_utf8_lossy(path).into_owned())
        };
        // Without the names on the way, only what lies elsewhere is known.
        assert_eq!(resolved(&mounts, "/../../a/b").as_deref(), Some("/a/b"));
        assert_eq!(resolved(&mounts, "/../..").as_deref(), Some("/"));
        assert_eq!(resolved(&mounts, "/../b").as_deref(), Some("/../b"));
        mounts.0[0].home.names = Some(vec!["pods".into(), "own".into()]);
        assert_eq!(resolved(&mounts, "/../b").as_deref(), Some("/pods/b"));
        assert_eq!(resolved(&mounts, "/").as_deref(), Some("/pods/own"));
        assert_eq!(resolved(&mounts, "/in").as_deref(), Some("/pods/own/in"));
        assert_eq!(resolved(&mounts, "/..").as_deref(), Some("/pods"));
        assert_eq!(resolved(&mounts, "/../..x").as_deref(), Some("/pods/..x"));
    }

    #[test]
    fn the_path_from_the_root_to_the_agent_s_cgroup_is_found() {
        let root = tempfile::tempdir().expect("a folder can be made");
        for (folder, pid) in [("pods/a/in", 1), ("pods/b/in", std::process::id())] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).expect("ours");
            fs::write(folder.join("cgroup.procs"), format!("{pid}\n")).expect("ours");
        }
        let names = way_home(root.path(), 2, b"/in");
        assert_eq!(names, Some(vec!["pods".into(), "b".into()]));
        assert_eq!(way_home(root.path(), 2, b"/"), None);
        assert_eq!(way_home(root.path(), 2, b"/../in"), None);
    }

    #[test]
    fn a_cgroup_of_a_user_in_any_hierarchy_is_the_user_s() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let mounts = Mounts::only("", root.path());
        assert_eq!(mounts.owner_of("/a.service"), Owner::Unknown);
        let folder = root.path().join("a.service");
        fs::create_dir(&folder).expect("ours");
        let uid = fs::metadata(&folder).expect("ours").uid();
        let expected = if uid == 0 {
            Owner::Root
        } else {
            Owner::User(uid)
        };
        assert_eq!(mounts.owner_of("/a.service"), expected);
    }

    #[test]
    fn bytes_of_any_kind_are_paths_and_mount_points() {
        let line = b"41 31 0:38 / /m\\040o\xff\\012 rw - cgroup2 a\\040-\\040b rw\n";
        let mounts = Mounts::parse(line);
        assert_eq!(mounts.of(""), Some(proc::path_of(b"/m o\xff\n").as_path()));
        let text = b"0::/a b\xff/(c)' \xfe\n";
        assert_eq!(path_of(text, ""), Some(&b"/a b\xff/(c)' \xfe"[..]));
        assert_eq!(mounts.with_whole_paths(text), text);
    }

    #[test]
    fn damaged_hierarchies_are_read() {
        let higher = b"41 31 0:38 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        fuzz::feed(&[MOUNTS, OF, higher], |bytes| {
            let mut mounts = Mounts::parse(bytes);
            mounts.with_whole_paths(OF);
            if let Some(mount) = mounts.0.first_mut() {
                mount.home.names = Some(vec!["a".into()]);
            }
            mounts.with_whole_paths(bytes);
            let _ = (Version1::best(bytes), path_of(bytes, "pids"));
        });
    }
}
