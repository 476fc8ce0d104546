//! What this process may do.

use rustix::thread::{CapabilitySet, capabilities};

/// Whether the kernel will let us load the programs: `CAP_SYS_ADMIN`, or BPF with PERFMON.
pub(crate) fn may_load() -> bool {
    let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let have = effective();
    have.contains(CapabilitySet::SYS_ADMIN) || have.contains(both)
}

/// The effective capabilities; none where they cannot be read.
pub(crate) fn effective() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective)
}
