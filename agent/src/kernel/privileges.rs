//! What this process may do.

use rustix::thread::{CapabilitySet, capabilities};

/// Whether the kernel will let us load the programs: `CAP_SYS_ADMIN`, or BPF with PERFMON.
pub(crate) fn may_load() -> bool {
    let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let have = effective();
    have.contains(CapabilitySet::SYS_ADMIN) || have.contains(both)
}

/// Whether the kernel will let us mount, in a namespace of our own.
pub(crate) fn may_mount() -> bool {
    effective().contains(CapabilitySet::SYS_ADMIN)
}

/// The effective capabilities; none where they cannot be read.
fn effective() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective)
}
