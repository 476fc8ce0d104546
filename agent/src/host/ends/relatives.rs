//! How processes are related to the dead children of a suspect and to the waiting process. I/O.

use crate::host::parse;
use crate::host::proc;
use crate::host::stat::Stat;
use model::culprit::evidence::block::Relation;

/// Ancestors that are looked at.
const ANCESTORS: usize = 32;

/// The dead children: their process groups and sessions show which processes they left behind.
#[derive(Debug, Default)]
pub(super) struct DeadChildren(Vec<Stat>);

impl DeadChildren {
    pub(super) fn read(zombies: &[u32]) -> Self {
        Self(zombies.iter().filter_map(|&pid| Stat::read(pid)).collect())
    }

    /// Whether a process is in the session of a dead child or of the waiting process.
    pub(super) fn is_near(&self, stat: Stat, waiter: Option<Stat>) -> bool {
        let mut sessions = self.0.iter().chain(&waiter).map(|it| it.session);
        sessions.any(|session| session == stat.session)
    }

    /// How a process is related to the dead children, or else to the waiting process.
    pub(super) fn relation(&self, pid: u32, stat: Stat, waiter: u32) -> Relation {
        if pid == waiter {
            return Relation::Itself;
        }
        let descends = descends(stat, waiter);
        let own = Stat::read(waiter);
        let left_by = |dead: &Stat| {
            let apart = |of: fn(&Stat) -> u32| own.is_none_or(|own| of(&own) != of(dead));
            let same_group = dead.group == stat.group;
            let same_session = dead.session == stat.session;
            // A group or session of its own is proof. If the waiter has the same, so have all its
            // relatives; only an orphan younger than the dead child counts then.
            let own = same_group && apart(|it| it.group) || same_session && apart(|it| it.session);
            own || same_session && !descends && stat.start >= dead.start && is_adopted(stat)
        };
        if self.0.iter().any(left_by) {
            Relation::LeftByDeadChild
        } else if descends {
            Relation::Descendant
        } else {
            Relation::Other
        }
    }
}

/// Whether its parent is in another session, as an init or a subreaper mostly is.
fn is_adopted(stat: Stat) -> bool {
    stat.parent <= 1 || Stat::read(stat.parent).is_some_and(|it| it.session != stat.session)
}

fn descends(mut stat: Stat, from: u32) -> bool {
    for _ in 0..ANCESTORS {
        if stat.parent == from {
            return true;
        }
        match Stat::read(stat.parent) {
            Some(parent) if stat.parent > 1 => stat = parent,
            _ => return false,
        }
    }
    false
}

/// The vfork child of a thread, which still shares its memory.
pub(super) fn vfork_child(pid: u32, tid: u32) -> Option<u32> {
    let children = proc::children(pid, tid)?;
    let own = proc::comm(pid);
    let same = |&child: &u32| match shares_memory(pid, child) {
        Some(shares) => shares,
        None => proc::comm(child) == own,
    };
    children.into_iter().rev().find(same)
}

/// `None` if that may not be asked.
fn shares_memory(one: u32, other: u32) -> Option<bool> {
    const KCMP_VM: libc::c_int = 1;
    // SAFETY: The call takes numbers alone, and writes nowhere.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_VM, 0, 0) };
    (order >= 0).then_some(order == 0)
}

/// The tracer of a thread.
pub(super) fn tracer(pid: u32, tid: u32) -> Option<u32> {
    let status = proc::text(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    parse::tracer(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(parent: u32, group: u32, session: u32, start: u64) -> Stat {
        Stat {
            state: 'S',
            parent,
            group,
            session,
            flags: 0,
            start,
        }
    }

    #[test]
    fn a_process_left_by_a_dead_child_differs_from_a_relative() {
        let me = std::process::id();
        let own = Stat::read(me).expect("it lives");
        let relation = |dead: Stat, it: Stat| DeadChildren(vec![dead]).relation(u32::MAX, it, me);
        let apart = stat(me, 4_000_001, 4_000_001, 50);
        assert_eq!(
            relation(apart, stat(1, 4_000_001, 4_000_001, 60)),
            Relation::LeftByDeadChild
        );
        assert_eq!(relation(apart, stat(1, 7, 7, 60)), Relation::Other);
        assert_eq!(relation(apart, stat(me, 7, 7, 60)), Relation::Descendant);
        let beside = stat(me, own.group, own.session, 50);
        let orphan = |start| stat(1, own.group, own.session, start);
        assert_eq!(relation(beside, orphan(60)), Relation::LeftByDeadChild);
        assert_eq!(relation(beside, orphan(40)), Relation::Other);
        let sibling = stat(me, own.group, own.session, 60);
        assert_eq!(relation(beside, sibling), Relation::Descendant);
        assert_eq!(
            DeadChildren::default().relation(me, own, me),
            Relation::Itself
        );
    }

    #[test]
    fn threads_share_memory_and_strangers_do_not() {
        let me = std::process::id();
        assert_eq!(shares_memory(me, me), Some(true));
        assert_ne!(shares_memory(me, 1), Some(true));
    }
}
