//! Translates a PID in a system call argument, which counts in the caller's PID namespace, to the
//! PID on this host. Pure, except that it reads the caller's children.

use crate::host::parse;
use crate::host::proc;
use model::culprit::evidence::Awaited;

/// Children that are looked at.
const CHILDREN: usize = 2_048;
/// Threads whose children are looked at.
const THREADS: usize = 64;

/// What a process waits for in our PIDs, if it is `depth` PID namespaces below ours.
pub(super) fn ours(pid: u32, depth: u32, awaited: Awaited) -> Awaited {
    if depth == 0 || !matches!(awaited, Awaited::Process(_) | Awaited::Group(1..)) {
        return awaited;
    }
    let threads = proc::threads(pid, THREADS).into_iter();
    let lists = threads.filter_map(|tid| proc::children(pid, tid));
    let children = lists.flatten().take(CHILDREN);
    let statuses = children.filter_map(|child| proc::text(format!("/proc/{child}/status")).ok());
    translated(depth as usize, awaited, statuses)
}

/// By the numbers that each child has from our namespace down to its own.
fn translated(
    depth: usize,
    awaited: Awaited,
    mut statuses: impl Iterator<Item = String>,
) -> Awaited {
    let mut our_number = |field: &str, there: u32| {
        statuses.find_map(|status| {
            let numbers = parse::field(&status, field)?.split_whitespace();
            let numbers: Vec<u32> = numbers.filter_map(|it| it.parse().ok()).collect();
            (numbers.get(depth) == Some(&there)).then(|| numbers.first().copied())?
        })
    };
    match awaited {
        Awaited::Process(there) => {
            our_number("NSpid", there).map_or(Awaited::NamespaceProcess(there), Awaited::Process)
        }
        Awaited::Group(there) => {
            our_number("NSpgid", there).map_or(Awaited::NamespaceGroup(there), Awaited::Group)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_of_another_namespace_is_translated() {
        let children = || {
            [
                "NSpid:\t900\t6\nNSpgid:\t800\t5\n",
                "NSpid:\t901\t7\t1\nNSpgid:\t901\t7\t1\n",
            ]
            .map(str::to_owned)
            .into_iter()
        };
        let of = |awaited| translated(1, awaited, children());
        assert_eq!(of(Awaited::Process(7)), Awaited::Process(901));
        assert_eq!(of(Awaited::Process(1)), Awaited::NamespaceProcess(1));
        assert_eq!(of(Awaited::Process(900)), Awaited::NamespaceProcess(900));
        assert_eq!(of(Awaited::Group(5)), Awaited::Group(800));
        assert_eq!(of(Awaited::Group(800)), Awaited::NamespaceGroup(800));
        assert_eq!(of(Awaited::Any), Awaited::Any);
    }
}
