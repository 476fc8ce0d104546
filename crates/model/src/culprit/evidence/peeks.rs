//! Which calls of `waitid` with `WNOWAIT` (peeks) could have returned one of these zombies. Pure.

use crate::events::{Asked, NamespacePid, Target, Task};

/// The facts on a zombie that decide whether a peek could have returned it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// Its numbers.
    pub(super) pids: &'a [NamespacePid],
    /// What the snapshot shows of it.
    pub(super) task: Option<&'a Task>,
    /// Its death sends no SIGCHLD.
    pub(super) without_sigchld: bool,
}

/// When the last peek was that could have returned one of `zombies`, and how many could not.
///
/// Only the last peek's target process or group is known. The process of a pidfd is not known: only
/// its file in /proc shows it.
pub(super) fn peeks(
    asked: &Asked,
    holder: &Task,
    zombies: &[Seen<'_>],
    leader_of: impl Fn(u32) -> Option<Task>,
) -> (Option<u64>, u64) {
    let peeked = &asked.peeked;
    let mut at_ns = peeked.last_any_ns;
    let mut elsewhere = [
        peeked.process,
        peeked.group,
        peeked.pidfd,
        peeked.clones,
        peeked.of_thread,
    ];
    let own = holder.pids.last().map(|own| own.namespace);
    let nr_in = |pids: &[NamespacePid]| {
        let mut pids = pids.iter();
        Some(pids.find(|pid| Some(pid.namespace) == own)?.nr)
    };
    let shows = |target: Target, zombie: &Seen<'_>| match target {
        Target::Any | Target::OfThread => true,
        Target::Process(nr) => nr_in(zombie.pids) == Some(nr),
        Target::Group(nr) => zombie.task.is_some_and(|task| {
            let group = task.group;
            let is_own = nr == 0 && group == holder.group;
            let number = match leader_of(group) {
                Some(leader) => nr_in(&leader.pids),
                // The leader of the group is gone; here its number is the one of this host.
                None => (holder.pids.len() == 1).then_some(group),
            };
            group != 0 && (is_own || number == Some(nr))
        }),
        Target::Pidfd(_) => false,
        Target::Clones => zombie.without_sigchld,
    };
    let last = peeked
        .last
        .filter(|&target| zombies.iter().any(|zombie| shows(target, zombie)));
    if let Some(target) = last {
        at_ns = at_ns.max(asked.last_peek_ns);
        let kind = match target {
            Target::Any => None,
            Target::Process(_) => Some(0),
            Target::Group(_) => Some(1),
            Target::Pidfd(_) => Some(2),
            Target::Clones => Some(3),
            Target::OfThread => Some(4),
        };
        // Earlier ones may have had the same target.
        if let Some(count) = kind.and_then(|kind| elsewhere.get_mut(kind)) {
            *count = 0;
        }
    }
    (
        at_ns,
        elsewhere.iter().fold(0, |sum, &of| sum.saturating_add(of)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Peeked, Process, TaskState};

    fn task(numbers: &[(u32, u32)], group: u32) -> Task {
        let tgid = numbers[0].1;
        let process = Process::new(tgid, 5, "app");
        let pid = |&(namespace, nr): &(u32, u32)| NamespacePid { namespace, nr };
        Task {
            pids: numbers.iter().map(pid).collect(),
            group,
            ..Task::new(process, TaskState::Zombie)
        }
    }

    /// A peek with this target, for one zombie in a container with the leader of its group.
    fn look(target: Target) -> (Option<u64>, u64) {
        let holder = task(&[(1, 500), (77, 1)], 500);
        let zombie = task(&[(1, 501), (77, 2)], 510);
        let leader = task(&[(1, 510), (77, 11)], 510);
        let seen = Seen {
            pids: &zombie.pids,
            task: Some(&zombie),
            without_sigchld: false,
        };
        let asked = Asked {
            last_peek_ns: Some(9),
            peeked: Peeked {
                any: 1,
                process: 2,
                group: 3,
                pidfd: 4,
                clones: 5,
                of_thread: 6,
                last_any_ns: Some(7),
                last: Some(target),
            },
            ..Asked::default()
        };
        peeks(&asked, &holder, &[seen], |group| {
            (group == 510).then(|| leader.clone())
        })
    }

    #[test]
    fn a_peek_counts_if_it_could_have_returned_a_zombie() {
        for (target, expected) in [
            (Target::Any, (Some(9), 20)),
            (Target::OfThread, (Some(9), 14)),
            (Target::Process(2), (Some(9), 18)),
            (Target::Process(501), (Some(7), 20)),
            (Target::Group(11), (Some(9), 17)),
            (Target::Group(0), (Some(7), 20)),
            (Target::Group(510), (Some(7), 20)),
            (Target::Pidfd(2), (Some(7), 20)),
            (Target::Clones, (Some(7), 20)),
        ] {
            assert_eq!(look(target), expected, "{target:?}");
        }
    }
}
