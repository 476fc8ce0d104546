//! The BPF objects in the kernel.

use std::collections::BTreeSet;
use std::fs;

/// A kind of BPF object: how `/proc/PID/fdinfo` names its id, and the command of bpf(2) that
/// finds the next one.
const KINDS: [(&str, u32); 3] = [("prog_id:", 11), ("map_id:", 12), ("link_id:", 31)];

/// Kind and id of one object.
pub(crate) type Object = (&'static str, u32);

/// The head of `union bpf_attr` for the commands above.
#[repr(C)]
#[derive(Default)]
struct NextId {
    start: u32,
    next: u32,
    flags: u32,
}

/// Objects that a process has open.
pub(crate) fn held_by(pid: i32) -> BTreeSet<Object> {
    let mut held = BTreeSet::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .expect("it lives")
        .flatten()
    {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        for line in text.lines() {
            for (kind, _) in KINDS {
                let id = line
                    .strip_prefix(kind)
                    .and_then(|id| id.trim().parse().ok());
                held.extend(id.map(|id| (kind, id)));
            }
        }
    }
    held
}

/// All objects of the machine.
pub(crate) fn loaded() -> BTreeSet<Object> {
    KINDS
        .into_iter()
        .flat_map(|(kind, command)| ids(command).map(move |id| (kind, id)))
        .collect()
}

fn ids(command: u32) -> impl Iterator<Item = u32> {
    let mut last = 0;
    std::iter::from_fn(move || {
        let mut attr = NextId {
            start: last,
            ..NextId::default()
        };
        // SAFETY: `attr` has the given size and begins as the command wants it.
        let result =
            unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attr, size_of::<NextId>()) };
        last = attr.next;
        (result == 0).then_some(last)
    })
}
