//! The kernel: loading, choosing hooks, attaching; types, clocks and snapshots. Together with
//! `events` the only part that imports aya.

mod attach;
mod board;
mod clock;
mod error;
mod hooks;
mod libc_exit;
mod memlock;
mod mounts;
mod object;
mod offsets;
mod pidfds;
mod privileges;
mod procfs;
mod readable;
mod report;
mod snapshot;
pub(crate) mod stacks;
mod steps;
mod tracefs;
mod visibility;

pub(crate) use attach::{Attached, Counters, attach};
pub(crate) use board::Board;
pub(crate) use btf::{VMLINUX, check as check_types};
pub(crate) use clock::{follow, now_ns, wall};
pub(crate) use hooks::HookKind;
pub(crate) use memlock::ALSO_WARNED_BY;
pub(crate) use mounts::mount_for_this_thread;
pub(crate) use object::Config;
pub(crate) use pidfds::Pidfds;
pub(crate) use privileges::{
    Role, fix_for_loading, give_up, kept, may_load, missing_for_waits, missing_to_read,
};
pub(crate) use procfs::start_ns;
pub(crate) use readable::Readable;
pub(crate) use report::ProbeReport;
pub(crate) use snapshot::Source;
pub(crate) use tracefs::{is_mounted as tracefs_is_mounted, is_readable as tracefs_is_readable};
pub(crate) use visibility::{Hidden, PidNamespace};
