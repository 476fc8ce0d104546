//! Cgroups by id: the inode number of their directory, which is unique only within a hierarchy.

/// The id of the root of each hierarchy: the first one from kernfs
/// ([`kernfs_create_root`](https://elixir.bootlin.com/linux/v6.12/A/ident/kernfs_create_root)).
pub const ROOT_ID: u64 = 1;

/// The hierarchy of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CgroupVersion {
    /// The v1 hierarchy chosen at start.
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

/// The cgroup of a process in each hierarchy, as far as the source knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CgroupIds {
    /// In the v1 hierarchy.
    pub v1: Option<u64>,
    /// In the unified hierarchy.
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

    /// That of v1, unless it is the root's.
    pub fn most_specific(self) -> Option<CgroupId> {
        let v1 = self.of(CgroupVersion::V1).filter(|it| it.id != ROOT_ID);
        v1.or(self.of(CgroupVersion::V2))
    }

    /// Fills in ids that are missing here.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            v1: self.v1.or(other.v1),
            v2: self.v2.or(other.v2),
        }
    }
}

/// A cgroup was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMade {
    /// When.
    pub at_ns: u64,
    /// The cgroup.
    pub id: CgroupId,
    /// Its path from the root of the hierarchy; `None` if it was too long for a record.
    pub path: Option<String>,
}
