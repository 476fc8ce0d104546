//! The container, pod or unit of a process, dead or alive.
//!
//! A death has the id of its cgroup, read in the kernel at that moment. The id is resolved when the
//! cgroup is created, by a walk over the hierarchy, or from /proc while the process is a zombie;
//! the result is kept longer than the cgroup exists. [`Workloads`] is pure: it emits [`Ask`]s and
//! takes [`Answer`]s. A helper thread answers them from files, the watch on pods or the container
//! runtime.

pub mod path;
mod places;
pub mod pods;
mod resolver;

use std::sync::Arc;

pub use path::{Owner, Place};
pub use places::Dead;
pub use resolver::Workloads;

use crate::events::{CgroupId, CgroupVersion, Key};

/// The workload of a process, and its names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Path of the cgroup; `None` if only its id is known.
    pub cgroup: Option<String>,
    /// Its id.
    pub cgroup_id: Option<CgroupId>,
    /// What the path shows.
    pub place: Place,
    /// The names of the container and its pod.
    pub named: Option<Named>,
    /// Whether this is the parent's workload because the process' own is unknown: on hosts with
    /// cgroup v1, zombies do not show it, and the kernel side may not be able to read it.
    pub of_parent: bool,
}

/// The names of a container and its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The pod.
    pub pod: Option<String>,
    /// The container; `None` for a pod's pause process.
    pub container: Option<String>,
}

impl Named {
    pub fn container(name: &str) -> Self {
        Self {
            container: Some(name.to_owned()),
            ..Self::default()
        }
    }
}

/// What to find the name of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerIds {
    /// The container's id.
    pub container: Option<String>,
    /// The pod's uid.
    pub pod_uid: Option<String>,
}

impl ContainerIds {
    /// Whether these are all names: that of a pod is known before that of a new container.
    pub fn are_named(&self, named: &Named) -> bool {
        named.container.is_some() || self.container.is_none()
    }
}

/// A lookup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// All cgroups.
    Walk,
    /// The cgroup of a living process.
    Process(Key),
    /// What this id is; a zombie in that cgroup may show it.
    Cgroup {
        /// The id.
        id: CgroupId,
        /// The dead process.
        dead: Key,
    },
    /// The names of a container.
    Name(ContainerIds),
}

/// The path of a cgroup, and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The path.
    pub path: String,
    /// Who owns the unit around its container or pod, if that matters.
    pub owner: Owner,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The cgroups of a hierarchy.
    Walked {
        /// The hierarchy.
        version: CgroupVersion,
        /// When the walk began; later cgroups may be missing.
        began_ns: u64,
        /// Ids and paths.
        cgroups: Vec<(u64, Located)>,
        /// Whether the list is complete.
        complete: bool,
    },
    /// The most specific path of a process.
    Process(Key, Option<Located>),
    /// The path of a cgroup.
    Cgroup(CgroupId, Option<Located>),
    /// The names, from any source; more may follow unasked.
    Named(ContainerIds, Option<Named>),
    /// State of a source of names.
    Watched(pods::Source, pods::Watched),
}

/// The workload of a process, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Known.
    Known(Arc<Workload>),
    /// An answer is pending; until then, what is known.
    Pending(Option<Arc<Workload>>),
    /// Unknown.
    Unknown,
}

/// Failed lookups, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// The cgroup and all its processes were gone.
    pub gone: u64,
    /// Too many lookups were running.
    pub busy: u64,
    /// No source had a name for a container.
    pub unnamed: u64,
}

impl Place {
    /// What to look up a name for. A container named in its path needs none, and one of a user's
    /// could have the id of another.
    fn ids(&self) -> Option<ContainerIds> {
        let ids = [&self.container, &self.pod_uid];
        let named = self.user.is_none() && ids.into_iter().flatten().any(|id| is_long(id));
        named.then(|| ContainerIds {
            container: self.container.clone(),
            pod_uid: self.pod_uid.clone(),
        })
    }
}

impl Workload {
    fn is_contained(&self) -> bool {
        self.place.container.is_some() || self.place.pod_uid.is_some()
    }

    fn is_at_root(&self) -> bool {
        self.cgroup.as_deref().is_none_or(|path| path == "/")
    }

    fn says_more_than(&self, other: &Self) -> bool {
        let contained = self.is_contained() && !other.is_contained();
        contained || other.is_at_root() && !self.is_at_root()
    }

    /// Node (not known here), namespace, pod, container and unit, as filters ask for them.
    pub fn names(&self) -> [Option<&str>; 5] {
        let unit = self.place.unit.as_deref();
        [None, self.namespace(), self.pod(), self.container(), unit]
    }

    /// The pod's namespace.
    pub fn namespace(&self) -> Option<&str> {
        self.named.as_ref()?.namespace.as_deref()
    }

    /// The pod's name, otherwise its uid.
    pub fn pod(&self) -> Option<&str> {
        let named = self.named.as_ref().and_then(|named| named.pod.as_deref());
        named.or(self.place.pod_uid.as_deref())
    }

    /// The container's name, if it is known.
    pub fn container_name(&self) -> Option<&str> {
        let named = self.named.as_ref();
        let named = named.and_then(|named| named.container.as_deref());
        let id = self.place.container.as_deref();
        let in_path = id.filter(|id| !is_long(id) && self.place.ids().is_none());
        named.or(in_path)
    }

    /// The container's name, otherwise the usual prefix of its id.
    pub fn container(&self) -> Option<&str> {
        let id = self.place.container.as_deref();
        let short = || id.map(|id| id.get(..12).unwrap_or(id));
        self.container_name().or_else(short)
    }
}

/// Whether it is the id of a container or pod, and not a name.
fn is_long(id: &str) -> bool {
    id.len() >= 32
}
