//! The workload of a process: its pod, container, unit or cgroup.

use serde::{Deserialize, Serialize};

use super::{OrOther, Qos};

/// The workload of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Container {
    /// Container id.
    pub id: Option<String>,
    /// Container name.
    pub name: Option<String>,
    /// The runtime that created the container, such as `containerd` or `docker`.
    #[serde(default)]
    pub runtime: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
    /// Pod uid.
    #[serde(default)]
    pub pod_uid: Option<String>,
    /// QoS class of the pod.
    #[serde(default)]
    pub qos: Option<OrOther<Qos>>,
    /// Pod namespace.
    pub namespace: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Unit of the user manager, inside `unit`.
    #[serde(default)]
    pub user_unit: Option<String>,
    /// Uid of the user, from the user slice.
    #[serde(default)]
    pub user: Option<u32>,
    /// Path of its cgroup, in the unified hierarchy if that is as specific as another; null if only
    /// the id is known.
    pub cgroup: Option<String>,
    /// Id of its cgroup, in the hierarchy of that path.
    #[serde(default)]
    pub cgroup_id: Option<u64>,
    /// Whether this is the workload of its parent, because its own is unknown, as can happen with
    /// cgroup v1.
    #[serde(default)]
    pub of_parent: bool,
}

impl Container {
    /// Namespace, pod, container and unit; a pod or container without a name by the start of its id.
    pub fn names(&self) -> [Option<&str>; 4] {
        fn short(id: Option<&str>) -> Option<&str> {
            id.map(|id| id.get(..12).unwrap_or(id))
        }
        [
            self.namespace.as_deref(),
            self.pod.as_deref().or(short(self.pod_uid.as_deref())),
            self.name.as_deref().or(short(self.id.as_deref())),
            self.unit.as_deref(),
        ]
    }

    /// `shop/web-0/app`, `db`, `nginx.service`, `/a/b`: its names, or else its cgroup.
    pub fn text(&self) -> Option<String> {
        let names: Vec<_> = self.names().into_iter().flatten().collect();
        match (names.as_slice(), &self.cgroup, self.cgroup_id) {
            ([], Some(path), _) => Some(path.clone()),
            ([], None, id) => id.map(|id| format!("cgroup {id}")),
            (names, ..) => Some(names.join("/")),
        }
    }
}
