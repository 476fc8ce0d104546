//! This process' privileges, and dropping those that only loading needed.

use std::{io, sync::OnceLock};

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs,
    },
};

/// Capabilities that a running agent continues to use, if it has them.
///
/// - `SYS_PTRACE`: what other processes wait for, from `/proc/PID/wchan` and `syscall`.
/// - `DAC_READ_SEARCH`: `/proc/PID/syscall` of other users, mode 0400.
///
/// `/proc/PID/stack` would need `SYS_ADMIN`, which is too powerful to keep for that.
const IN_USE: [(CapabilitySet, &str); 2] = [
    (CapabilitySet::SYS_PTRACE, "sys_ptrace"),
    (CapabilitySet::DAC_READ_SEARCH, "dac_read_search"),
];

/// Reading the kernel side's maps, before Linux 5.19:
/// <https://git.kernel.org/torvalds/c/c8644cd0efe719608ddcb341bcf087d4bc0bf6b8>.
/// Either one is enough.
const MAPS: [(CapabilitySet, &str); 2] = [
    (CapabilitySet::BPF, "bpf"),
    (CapabilitySet::SYS_ADMIN, "sys_admin"),
];

/// Writing a file into a directory of the user who ran sudo.
const SAVING: (CapabilitySet, &str) = (CapabilitySet::DAC_OVERRIDE, "dac_override");

/// What the thread keeps that probes the C libraries of later containers, if there is one.
static FOR_LIBRARIES: OnceLock<CapabilitySet> = OnceLock::new();

/// What an agent serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Only its clients.
    Daemon,
    /// The view around it, which saves files.
    View,
}

/// Whether the kernel lets us load the programs: `CAP_SYS_ADMIN`, or BPF with PERFMON.
pub(crate) fn may_load() -> bool {
    let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let have = effective();
    have.contains(CapabilitySet::SYS_ADMIN) || have.contains(both)
}

/// What to do if it does not let us: root has only what is in the bounding set, and other users have
/// nothing of it.
pub(crate) fn fix_for_loading() -> &'static str {
    let possible = |it| capability_is_in_bounding_set(it).unwrap_or(false);
    if possible(CapabilitySet::BPF) && possible(CapabilitySet::PERFMON) {
        "run it as root, with sudo or as user 0 of its container (runAsUser: 0), or give the binary \
         cap_bpf,cap_perfmon=ep with setcap"
    } else {
        "add the capabilities BPF and PERFMON to its container or to the bounding set of its unit"
    }
}

/// The capabilities that this thread lacks to see what any other thread waits for, in /proc: without
/// the first of [`IN_USE`] it sees nothing, without the second no system calls of other users.
pub(crate) fn missing_for_waits() -> Vec<&'static str> {
    let have = effective();
    let missing = IN_USE.into_iter().filter(|(it, _)| !have.contains(*it));
    missing.map(|(_, name)| name).collect()
}

/// The capability that reading this file of another process requires and this thread lacks.
pub(crate) fn missing_to_read(path: &str) -> Option<&'static str> {
    missing_of(path, effective())
}

fn missing_of(path: &str, have: CapabilitySet) -> Option<&'static str> {
    let any_file = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE;
    if path.ends_with("/stack") {
        (!have.contains(CapabilitySet::SYS_ADMIN)).then_some("CAP_SYS_ADMIN")
    } else if !have.contains(CapabilitySet::SYS_PTRACE) {
        Some("CAP_SYS_PTRACE")
    } else {
        (!have.intersects(any_file)).then_some("CAP_DAC_READ_SEARCH")
    }
}

/// Drops, for this thread and the threads that it starts, everything that a running agent does not
/// need, for good: no program that it runs can regain it. `works` reports whether the kernel side
/// can be read without any capability.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn give_up(role: Role, works: impl FnOnce() -> bool) -> io::Result<()> {
    let have = capabilities(None)?.permitted;
    let used = used(role) & have;
    become_only(used, have)?;
    let mut maps = MAPS.into_iter().map(|(capability, _)| capability & have);
    let kept = if works() {
        used
    } else {
        used | maps.find(|it| !it.is_empty()).unwrap_or(used)
    };
    if have.contains(CapabilitySet::SETPCAP) {
        become_only(CapabilitySet::SETPCAP, have)?;
        for capability in CapabilitySet::all().iter() {
            match remove_capability_from_bounding_set(capability) {
                // A kernel older than that capability.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    clear_ambient_capability_set()?;
    become_only(kept, kept)?;
    set_no_new_privs(true)?;
    Ok(())
}

/// Drops everything but what attaching to the C libraries of later containers needs, for this
/// thread. The kernel lets only the administrator probe user space:
/// <https://elixir.bootlin.com/linux/v6.12/A/ident/perf_uprobe_event_init>.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn keep_for_libraries() -> io::Result<()> {
    let needed = used(Role::Daemon) | CapabilitySet::SYS_ADMIN;
    let kept = needed & capabilities(None)?.permitted;
    become_only(kept, kept)?;
    set_no_new_privs(true)?;
    // There is one such thread.
    let _first = FOR_LIBRARIES.set(kept);
    Ok(())
}

/// The names of the capabilities that any thread of a running agent has.
pub(crate) fn kept() -> Vec<&'static str> {
    let for_libraries = FOR_LIBRARIES.get().copied();
    let have = effective() | for_libraries.unwrap_or(CapabilitySet::empty());
    let names = IN_USE.into_iter().chain(MAPS).chain([SAVING]);
    names
        .filter(|(capability, _)| have.contains(*capability))
        .map(|(_, name)| name)
        .collect()
}

fn used(role: Role) -> CapabilitySet {
    let used = IN_USE.into_iter().map(|(capability, _)| capability);
    let used = used.fold(CapabilitySet::empty(), CapabilitySet::union);
    match role {
        Role::Daemon => used,
        Role::View => used | SAVING.0,
    }
}

fn become_only(effective: CapabilitySet, permitted: CapabilitySet) -> io::Result<()> {
    let sets = CapabilitySets {
        effective,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}

/// The effective capabilities; empty if they cannot be read.
fn effective() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_capabilities_are_not_requested() {
        let ptrace = CapabilitySet::SYS_PTRACE;
        let files = ptrace | CapabilitySet::DAC_READ_SEARCH;
        let missing = |path: &str, have| missing_of(path, have);
        assert_eq!(
            missing("/proc/7/fd", CapabilitySet::empty()),
            Some("CAP_SYS_PTRACE")
        );
        assert_eq!(missing("/proc/7/fd", ptrace), Some("CAP_DAC_READ_SEARCH"));
        assert_eq!(missing("/proc/7/fd", files), None);
        assert_eq!(missing("/proc/7/stack", files), Some("CAP_SYS_ADMIN"));
        assert_eq!(missing("/proc/7/stack", CapabilitySet::SYS_ADMIN), None);
    }
}
