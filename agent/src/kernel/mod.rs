//! The kernel: load, choose hooks, attach; its types, clocks and snapshots. With `events` the
//! only part that knows aya.

mod attach;
mod btf;
mod clock;
mod hooks;
mod offsets;
mod pidfds;
mod privileges;
mod procfs;
mod snapshot;
mod tracefs;

pub(crate) use attach::{Attached, Config, KernelError, ProbeReport, attach};
pub(crate) use clock::{Wall, now_ns};
pub(crate) use hooks::Rung;
pub(crate) use pidfds::Pidfds;
pub(crate) use snapshot::Source;
