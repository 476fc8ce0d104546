//! The fields by which lists are filtered and sorted.

use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// A field of a row, each for the part with the same name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum Field {
    Pid,
    Comm,
    Parent,
    Zombies,
    #[strum(to_string = "oldest", serialize = "age")]
    Age,
    Leak,
    Reaps,
    Node,
    #[strum(to_string = "ns", serialize = "namespace")]
    Namespace,
    Pod,
    Container,
    Unit,
    Workload,
    User,
    #[strum(to_string = "why", serialize = "verdict")]
    Why,
    Exit,
    Dying,
    Exiting,
    Zombie,
    How,
    Killer,
    Stale,
    Growth,
    Exits,
    Late,
    Stuck,
    Pids,
    Lost,
}

impl Field {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether it is of the workload.
    pub fn is_of_place(self) -> bool {
        matches!(
            self,
            Self::Node
                | Self::Namespace
                | Self::Pod
                | Self::Container
                | Self::Unit
                | Self::Workload
        )
    }

    /// `pid, comm, oldest (or age)`.
    pub fn known(fields: &[Self]) -> String {
        let fields = Self::ALL.iter().filter(|field| fields.contains(field));
        let names = fields.map(|&field| {
            let name: &str = field.into();
            let mut others = field.get_serializations().iter();
            match others.find(|other| **other != name) {
                Some(other) => format!("{name} (or {other})"),
                None => name.to_owned(),
            }
        });
        names.collect::<Vec<_>>().join(", ")
    }
}
