//! The numbers that a task has in each PID namespace.

use wire::{NAMESPACE_LEVELS, NamespacePid};

use crate::{globals::offset, kernel::Kernel};

/// `sizeof(struct upid)`: the number, then the namespace's address.
const UPID_SIZE: u32 = 16;
/// Offset of the namespace in it.
const UPID_NAMESPACE: u32 = 8;
/// `PROC_PID_INIT_INO`, include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: u32 = 0xefff_fffc;

/// The numbers of a task, one for each PID namespace that sees it: a `struct pid`.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pid: Kernel,
    deepest: u32,
}

impl Numbers {
    #[inline(always)]
    pub(crate) fn at(pid: Kernel) -> Self {
        Self {
            pid,
            deepest: pid.read_u32(offset!(pid_level)) & 31,
        }
    }

    /// Its number at a level, and the namespace there.
    #[inline(always)]
    fn of_level(self, level: u32) -> NamespacePid {
        let namespace = if level == 0 {
            INITIAL_PID_NAMESPACE
        } else {
            // Past the end of the type, an array of one in old kernels.
            self.pid
                .without_type()
                .follow(offset!(pid_numbers) + level * UPID_SIZE + UPID_NAMESPACE)
                .read_u32(offset!(pid_namespace_inum))
        };
        NamespacePid {
            namespace,
            nr: self.nr_at(level),
        }
    }

    #[inline(always)]
    fn nr_at(self, level: u32) -> u32 {
        if level == 0 {
            self.pid.read_u32(offset!(pid_numbers))
        } else {
            self.pid
                .without_type()
                .read_u32(offset!(pid_numbers) + level * UPID_SIZE)
        }
    }

    /// The namespace in which the task sees others.
    #[inline(always)]
    pub(crate) fn namespace(self) -> u32 {
        self.of_level(self.deepest).namespace
    }

    /// Its number as `other` sees it; 0 where `other` cannot.
    #[inline(always)]
    pub(crate) fn nr_seen_by(self, other: Self) -> u32 {
        if other.deepest > self.deepest {
            return 0;
        }
        self.nr_at(other.deepest)
    }

    /// How deep its own namespace is nested.
    #[inline(always)]
    pub(crate) fn level(self) -> u32 {
        self.deepest
    }

    /// All of them, outermost namespace first.
    #[inline(always)]
    pub(crate) fn fill(self, pids: &mut [NamespacePid; NAMESPACE_LEVELS]) {
        pids[0] = self.of_level(0);
        pids[1] = self.at_or_none(1);
        pids[2] = self.at_or_none(2);
        pids[3] = self.at_or_none(3);
    }

    #[inline(always)]
    fn at_or_none(self, level: u32) -> NamespacePid {
        if level > self.deepest {
            return NamespacePid {
                namespace: 0,
                nr: 0,
            };
        }
        self.of_level(level)
    }
}
