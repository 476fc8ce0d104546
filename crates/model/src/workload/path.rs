//! What the path of a cgroup shows: container, pod, unit, user. Pure.
//!
//! With nested containers the innermost one counts, and keeps the pod around it. A unit outside a
//! container is that of its runtime and is ignored; a unit inside belongs to the container's own
//! systemd.

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

/// Parses a path of any hierarchy.
pub fn parse(path: &str) -> Place {
    let mut place = Place::default();
    let mut before = "";
    for name in clean(path).split('/').filter(|name| !name.is_empty()) {
        place.enter(before, name);
        before = name;
    }
    place
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
    fn enter(&mut self, before: &str, name: &str) {
        // `slice:prefix:name`, the systemd form, given to a runtime that created directories from
        // it.
        if let Some((slice, rest)) = name.split_once(".slice:")
            && let Some((prefix, id)) = rest.split_once(':')
        {
            self.enter_pod(before, &format!("{slice}.slice"));
            self.enter_container(id, runtime(prefix));
        } else if self.enter_pod(before, name) {
        } else if let Some((id, runtime)) = container(before, name) {
            self.enter_container(&id, runtime);
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

    fn enter_container(&mut self, id: &str, runtime: Option<&'static str>) {
        *self = Self {
            container: Some(id.to_owned()),
            runtime,
            pod_uid: self.pod_uid.take(),
            qos: self.qos,
            user: self.user,
            ..Self::default()
        };
    }

    /// Both drivers of the kubelet: `pod<uid>` below `kubepods` and a class, and the slice
    /// `kubepods-<class>-pod<uid>.slice` with underscores in the uid.
    fn enter_pod(&mut self, before: &str, name: &str) -> bool {
        let slice = name.strip_suffix(".slice");
        let slice = slice.filter(|slice| slice.contains("kubepods"));
        let (class, uid) = match slice.and_then(|slice| slice.rsplit_once("-pod")) {
            Some(found) => found,
            None => match name.strip_prefix("pod") {
                Some(uid) if is_class(before) => (before, uid),
                _ => return false,
            },
        };
        let uid = uid.replace('_', "-");
        if !is_pod_uid(&uid) {
            return false;
        }
        let classes = [Qos::Besteffort, Qos::Burstable];
        let mut classes = classes.into_iter();
        let class = classes.find(|&known| class.ends_with(<&str>::from(known)));
        *self = Self {
            pod_uid: Some(uid),
            qos: class.or(Some(Qos::Guaranteed)),
            ..Self::default()
        };
        true
    }
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
