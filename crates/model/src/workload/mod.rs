//! To which container, pod or unit a process belongs, dead or alive.
//!
//! A death brings the id of its cgroup, read in the kernel at that moment. What the id stands for
//! is learnt when the cgroup is made, by a walk over the hierarchy, or from /proc while the zombie
//! lies there; it is kept longer than the cgroup itself lives. [`Workloads`] is pure: it asks
//! through a list of [`Ask`]s, and [`Answer`]s come back; who answers, a helper thread that reads
//! files or knows what a watch on pods or the container runtime has told, is not its business.

pub mod path;
mod places;
pub mod pods;
mod resolver;

use std::sync::Arc;

pub use path::Place;
pub use places::Dead;
pub use resolver::Workloads;

use crate::events::{CgroupId, CgroupVersion, Key};

/// Where somebody belongs, and what that is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Path of the cgroup; `None` where only its id is known.
    pub cgroup: Option<String>,
    /// Its id.
    pub cgroup_id: Option<CgroupId>,
    /// What the path says.
    pub place: Place,
    /// What they call the container and its pod.
    pub named: Option<Named>,
    /// It is where the parent is, since nothing tells where the process itself was: so on hosts
    /// with cgroups of version 1, whose zombies show none, where the kernel side cannot say it.
    pub of_parent: bool,
}

/// What people call a container and its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The pod.
    pub pod: Option<String>,
    /// The container; none of a pod's own pause process.
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

/// Whose name is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    /// The container's id.
    pub container: Option<String>,
    /// The pod's uid.
    pub pod_uid: Option<String>,
}

/// What is not known here and can be found out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Which cgroups there are.
    Walk,
    /// Where a living process is.
    Process(Key),
    /// What this id stands for; somebody who died in it may still lie there.
    Cgroup {
        /// The id.
        id: CgroupId,
        /// Who died.
        dead: Key,
    },
    /// What they call it.
    Name(Who),
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The cgroups of a hierarchy.
    Walked {
        /// Which hierarchy.
        version: CgroupVersion,
        /// When the walk began: what was made since may be missing.
        began_ns: u64,
        /// Ids and paths.
        cgroups: Vec<(u64, String)>,
        /// Whether these are all.
        complete: bool,
    },
    /// The path that says most of where a process is.
    Process(Key, Option<String>),
    /// The path of a cgroup.
    Cgroup(CgroupId, Option<String>),
    /// The name, from whatever source; more of it may follow unasked.
    Named(Who, Option<Named>),
    /// How a source of names does.
    Watched(pods::Source, pods::Watched),
}

/// Where somebody belongs, as far as that is known now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Here.
    Known(Arc<Workload>),
    /// An answer is under way; until then, what is known already.
    Pending(Option<Arc<Workload>>),
    /// Nobody knows.
    Unknown,
}

/// Lookups that failed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Neither the cgroup nor anybody in it was there any more.
    pub gone: u64,
    /// Too many questions were under way.
    pub busy: u64,
    /// No source had a name for a container.
    pub unnamed: u64,
}

impl Place {
    /// Who it is whose name a source may know. What has a name instead of an id needs none.
    fn who(&self) -> Option<Who> {
        let ids = [&self.container, &self.pod_uid];
        let long = |id: &&Option<String>| id.as_ref().is_some_and(|id| id.len() >= 32);
        ids.iter().any(long).then(|| Who {
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

    /// The pod's name, else its uid.
    pub fn pod(&self) -> Option<&str> {
        let named = self.named.as_ref().and_then(|named| named.pod.as_deref());
        named.or(self.place.pod_uid.as_deref())
    }

    /// The container's name, if it is known.
    pub fn container_name(&self) -> Option<&str> {
        let named = self.named.as_ref();
        let named = named.and_then(|named| named.container.as_deref());
        let id = self.place.container.as_deref();
        named.or_else(|| id.filter(|_| self.place.who().is_none()))
    }

    /// The container's name, else as much of its id as people use.
    pub fn container(&self) -> Option<&str> {
        let id = self.place.container.as_deref();
        let short = || id.map(|id| id.get(..12).unwrap_or(id));
        self.container_name().or_else(short)
    }
}
