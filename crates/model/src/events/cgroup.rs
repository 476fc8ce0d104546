//! Cgroups, by their ids: the inode numbers of their directories, which differ within a hierarchy
//! and not between two.

/// The id of the root of each hierarchy: the first that kernfs gives
/// ([`kernfs_create_root`](https://elixir.bootlin.com/linux/v6.12/A/ident/kernfs_create_root)).
pub const ROOT_ID: u64 = 1;

/// In which hierarchy an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CgroupVersion {
    /// The one of version 1 that was chosen when the agent came.
    V1,
    /// The unified one.
    V2,
}

/// One cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CgroupId {
    /// Its hierarchy.
    pub version: CgroupVersion,
    /// Its id there.
    pub id: u64,
}

/// Where a process is in each hierarchy that is looked at, as far as the source knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupIds {
    /// In that of version 1.
    pub v1: Option<u64>,
    /// In the unified one.
    pub v2: Option<u64>,
}

impl CgroupIds {
    /// One id in a hierarchy.
    pub fn of(self, version: CgroupVersion) -> Option<CgroupId> {
        let id = match version {
            CgroupVersion::V1 => self.v1,
            CgroupVersion::V2 => self.v2,
        };
        id.map(|id| CgroupId { version, id })
    }

    /// All that are known.
    pub fn known(self) -> impl Iterator<Item = CgroupId> {
        let both = [CgroupVersion::V1, CgroupVersion::V2].into_iter();
        both.filter_map(move |version| self.of(version))
    }

    /// The id that says more: that of version 1, unless it is the root's.
    pub fn telling(self) -> Option<CgroupId> {
        let v1 = self.of(CgroupVersion::V1).filter(|it| it.id != ROOT_ID);
        v1.or(self.of(CgroupVersion::V2))
    }

    /// What is missing here is taken from there.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            v1: self.v1.or(other.v1),
            v2: self.v2.or(other.v2),
        }
    }
}

/// A cgroup was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMade {
    /// When.
    pub at_ns: u64,
    /// Which.
    pub id: CgroupId,
    /// Its path from the root of the hierarchy; `None` where that was too long to be told.
    pub path: Option<String>,
}
