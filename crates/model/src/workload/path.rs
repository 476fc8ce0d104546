//! What the path of a cgroup shows: container, pod, unit, user. Pure.
//!
//! With nested containers the innermost one counts, and keeps the pod around it. A unit outside a
//! container is that of its runtime and is ignored; a unit inside belongs to the container's own
//! systemd.
//!
//! Whoever owns a cgroup can create others below it, with any names. So what a user's cgroups claim
//! to be is shown as the user's: no pod is believed, and no name is looked up.

use api::Qos;

/// What a path shows about its processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Its container, as named by the runtime: an id of 64 hex digits, or a name.
    pub container: Option<String>,
    /// The runtime that created the container, if the path shows it.
    pub runtime: Option<&'static str>,
    /// The pod's uid, or for a static pod the hash assigned by its node.
    pub pod_uid: Option<String>,
    /// The pod's QoS class.
    pub qos: Option<Qos>,
    /// The systemd unit, of the host's or the container's manager.
    pub unit: Option<String>,
    /// The unit of a user manager inside it.
    pub user_unit: Option<String>,
    /// The user, from the slice.
    pub user: Option<u32>,
}

/// The kernel's suffix for the path of a removed cgroup.
const DELETED: &str = " (deleted)";

/// The owner of the cgroup of [`unit_around`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// The host.
    Root,
    /// A user to whom the unit is delegated.
    User(u32),
    /// The cgroup is gone or cannot be examined.
    #[default]
    Unknown,
}

/// Parses a path of any hierarchy.
pub fn parse(path: &str, owner: Owner) -> Place {
    let mut place = Place::default();
    let mut before = "";
    for name in clean(path).split('/').filter(|name| !name.is_empty()) {
        place.enter(before, name, owner);
        before = name;
    }
    place
}

/// The path of the unit that a container or pod is in, if that depends on the owner.
pub fn unit_around(path: &str) -> Option<&str> {
    let path = clean(path);
    let mut place = Place::default();
    let (mut before, mut end, mut unit) = ("", 0, None);
    for name in path.split('/') {
        end += name.len();
        if Claim::of(before, name).is_some() {
            return unit;
        }
        place.enter(before, name, Owner::Unknown);
        if place.user.is_some() {
            return None;
        }
        if place.unit.is_some() && unit.is_none() {
            unit = Some(&path[..end]);
        }
        // The slash.
        end += 1;
        before = name;
    }
    None
}

/// The path without the mark of a removed cgroup, and without the way up from the reader's
/// namespace.
pub fn clean(path: &str) -> &str {
    let mut path = path.strip_suffix(DELETED).unwrap_or(path);
    while let Some(rest) = path.strip_prefix("/..") {
        path = rest;
    }
    if path.is_empty() { "/" } else { path }
}

impl Place {
    fn enter(&mut self, before: &str, name: &str, owner: Owner) {
        if let Some(claim) = Claim::of(before, name) {
            self.take(claim, owner);
        } else if let Some(uid) = between(name, "user-", ".slice") {
            self.user = uid.parse().ok().or(self.user);
        } else if is_unit(name) {
            let name = unescape(name.strip_prefix('_').unwrap_or(name));
            match &self.unit {
                None => self.unit = Some(name),
                Some(outer) if outer.starts_with("user@") && self.user_unit.is_none() => {
                    self.user_unit = Some(name);
                }
                Some(_) => {}
            }
        }
    }

    fn take(&mut self, claim: Claim, owner: Owner) {
        if self.is_of_the_host() && self.unit.is_some() {
            match owner {
                Owner::Root => {}
                Owner::User(uid) => self.user = Some(uid),
                Owner::Unknown => return,
            }
        }
        let (user, unit) = (self.user, self.user.and(self.unit.take()));
        if let Some((uid, qos)) = claim.pod.filter(|_| user.is_none()) {
            *self = Self {
                pod_uid: Some(uid),
                qos: Some(qos),
                ..Self::default()
            };
        }
        if let Some((id, runtime)) = claim.container {
            *self = Self {
                container: Some(id),
                runtime,
                pod_uid: self.pod_uid.take(),
                qos: self.qos,
                ..Self::default()
            };
        }
        (self.user, self.unit) = (user, unit);
    }

    fn is_of_the_host(&self) -> bool {
        self.container.is_none() && self.pod_uid.is_none() && self.user.is_none()
    }
}

/// The pod and container that a cgroup claims to be.
struct Claim {
    pod: Option<(String, Qos)>,
    container: Option<(String, Option<&'static str>)>,
}

impl Claim {
    fn of(before: &str, name: &str) -> Option<Self> {
        // `slice:prefix:name`, the systemd form, given to a runtime that created directories from
        // it.
        if let Some((slice, rest)) = name.split_once(".slice:")
            && let Some((prefix, id)) = rest.split_once(':')
        {
            return Some(Self {
                pod: pod(before, &format!("{slice}.slice")),
                container: Some((id.to_owned(), runtime(prefix))),
            });
        }
        let pod = pod(before, name);
        let container = match pod {
            Some(_) => None,
            None => container(before, name),
        };
        (pod.is_some() || container.is_some()).then_some(Self { pod, container })
    }
}

/// Both drivers of the kubelet: `pod<uid>` below `kubepods` and a class, and the slice
/// `kubepods-<class>-pod<uid>.slice` with underscores in the uid.
fn pod(before: &str, name: &str) -> Option<(String, Qos)> {
    let slice = name.strip_suffix(".slice");
    let slice = slice.filter(|slice| slice.contains("kubepods"));
    let (class, uid) = match slice.and_then(|slice| slice.rsplit_once("-pod")) {
        Some(found) => found,
        None => (
            before,
            name.strip_prefix("pod").filter(|_| is_class(before))?,
        ),
    };
    let uid = uid.replace('_', "-");
    let mut classes = [Qos::Besteffort, Qos::Burstable].into_iter();
    let class = classes.find(|&known| class.ends_with(<&str>::from(known)));
    is_pod_uid(&uid).then_some((uid, class.unwrap_or(Qos::Guaranteed)))
}

fn is_class(name: &str) -> bool {
    matches!(name, "kubepods" | "besteffort" | "burstable" | "guaranteed")
}

/// A uid has 36 characters; a static pod has a hash of 32.
fn is_pod_uid(uid: &str) -> bool {
    matches!(uid.len(), 32 | 36) && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn is_long_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The container of a cgroup with this name, and its runtime.
fn container(before: &str, name: &str) -> Option<(String, Option<&'static str>)> {
    if is_long_id(name) {
        return Some((name.to_owned(), runtime(before)));
    }
    let scope = name.strip_suffix(".scope");
    if let Some((prefix, id)) = scope.unwrap_or(name).rsplit_once('-')
        && is_long_id(id)
        && !prefix.ends_with("conmon")
    {
        return Some((id.to_owned(), runtime(prefix)));
    }
    // With plain runc, a container may have any name.
    if let Some(name) = scope.and_then(|scope| scope.strip_prefix("runc-")) {
        return Some((unescape(name), Some("runc")));
    }
    let nspawn = between(name, "systemd-nspawn@", ".service");
    let machine = scope.and_then(|scope| scope.strip_prefix("machine-"));
    if before == "machine.slice"
        && let Some(name) = nspawn.or(machine)
    {
        return Some((unescape(name), Some("machine")));
    }
    let lxc = name.strip_prefix("lxc.payload.");
    let lxc = lxc.or_else(|| matches!(before, "lxc" | "lxc.payload").then_some(name));
    Some((lxc?.to_owned(), Some("lxc")))
}

/// From the prefix of a scope, or the parent directory.
fn runtime(name: &str) -> Option<&'static str> {
    Some(match name {
        "cri-containerd" | "containerd" => "containerd",
        "nerdctl" => "nerdctl",
        "crio" => "crio",
        "docker" => "docker",
        "libpod" | "libpod_parent" => "podman",
        "runc" => "runc",
        _ => return None,
    })
}

/// Whether it runs processes; slices only group units.
fn is_unit(name: &str) -> bool {
    let kinds = [".service", ".scope", ".socket", ".mount", ".swap"];
    kinds.into_iter().any(|kind| name.ends_with(kind))
}

fn between<'a>(name: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix)?.strip_suffix(suffix)
}

/// The reverse of `systemd-escape(1)`: `\x2d` is a dash.
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, escaped)) = rest.split_once("\\x") {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = escaped.get(..2);
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &escaped[2..];
        } else {
            bytes.extend_from_slice(b"\\x");
            rest = escaped;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
