//! The limit for locked memory, which maps and programs count against before Linux 5.11.

use aya::util::KernelVersion;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// aya warns about this limit too; our own error names the fix.
pub(crate) const ALSO_WARNED_BY: &str = "aya::sys::bpf";

/// Raises it as far as permitted, if it applies.
pub(super) fn raise() {
    let Some(limit) = counted() else { return };
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let raised = setrlimit(Resource::Memlock, unlimited)
        .or_else(|_not_allowed| setrlimit(Resource::Memlock, most));
    if let Err(error) = raised {
        log::debug!("cannot raise the limit for locked memory: {error}");
    }
}

/// The limit in bytes, if it applies.
pub(super) fn limit() -> Option<u64> {
    counted()?.current
}

fn counted() -> Option<Rlimit> {
    let counts = KernelVersion::current().is_ok_and(|kernel| kernel < KernelVersion::new(5, 11, 0));
    counts.then(|| getrlimit(Resource::Memlock))
}
