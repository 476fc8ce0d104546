//! The limit of locked memory, which maps and programs count against before Linux 5.11.

use aya::util::KernelVersion;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Who else warns of this limit; our own sentence says it with the fix.
pub(crate) const ALSO_WARNED_BY: &str = "aya::sys::bpf";

/// Raises it as far as we may, where it counts.
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
        log::debug!("cannot raise the limit of locked memory: {error}");
    }
}

/// Its bytes, where it counts.
pub(super) fn limit() -> Option<u64> {
    counted()?.current
}

fn counted() -> Option<Rlimit> {
    let counts = KernelVersion::current().is_ok_and(|kernel| kernel < KernelVersion::new(5, 11, 0));
    counts.then(|| getrlimit(Resource::Memlock))
}
