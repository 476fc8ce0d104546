//! Ordinary deaths, of which nothing is sent: what the kernel side keeps and counts of them.
//!
//! A process that exits by itself and is reaped by its parent within milliseconds tells nothing that
//! a count does not. Its death is held back in its slot, counted at its reap, and only sent if
//! anything about it turns out to be unusual. User space reports those that stay: it marks the death
//! as reported on the [`Board`], and reads it from the slot.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{COMM_LEN, Death, Head, MOST_SLOTS, NAMESPACE_LEVELS, NamespacePid, Process, kind};

/// Cgroups whose ordinary deaths are counted here; the deaths in others are sent.
pub const CGROUPS: usize = 2_048;

/// Upper bounds of the buckets of [`Times`]. The last is the longest time that is ordinary.
pub const BOUNDS_NS: [u64; 7] = [
    10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000,
];

/// Zombie times of a parent's last ordinary reaps that are kept.
pub const SAMPLES: usize = 16;

/// Values of [`Board::holds`].
pub mod holds {
    /// Every death is sent.
    pub const NONE: u32 = 0;
    /// Those of processes in the initial PID namespace may be held back: others are unknown to the
    /// hook that sees reaps.
    pub const INITIAL_NAMESPACE: u32 = 1;
    /// All may be held back.
    pub const ALL: u32 = 2;
}

/// Values in [`Board::deaths`].
pub mod held {
    /// The process lives, or its death was sent.
    pub const NONE: u8 = 0;
    /// Its death is held back.
    pub const HELD: u8 = 1;
    /// Its death was held back and is reported by now.
    pub const REPORTED: u8 = 2;
    /// It was reaped; death and reap are counted and were not sent.
    pub const COUNTED: u8 = 3;
}

/// What both sides read and write at any time: user space maps it into its memory.
#[repr(C)]
#[derive(Debug)]
pub struct Board {
    /// Which deaths may be held back: one of [`holds`].
    pub holds: u32,
    /// The longest exit and zombie time of an ordinary death; at most the last of [`BOUNDS_NS`].
    pub quick_ns: u32,
    /// One of [`held`] for each slot. Only user space changes `HELD` to `REPORTED`, by an atomic
    /// exchange; all else is the kernel side's.
    pub deaths: [u8; MOST_SLOTS as usize],
    /// 1 for each slot whose process had an ordinary reap since user space set it to 0.
    pub reapers: [u8; MOST_SLOTS as usize],
}

/// Ordinary deaths in one cgroup, on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Count {
    /// How many.
    pub deaths: u64,
    /// Their zombie time.
    pub zombie_ns: u64,
}

/// Exit and zombie times of ordinary deaths, on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Times {
    /// Sum of the exit times.
    pub exit_ns: u64,
    /// Sum of the zombie times.
    pub zombie_ns: u64,
    /// Exit times by the first of [`BOUNDS_NS`] that they do not exceed.
    pub exits: [u64; BOUNDS_NS.len()],
    /// Zombie times likewise.
    pub zombies: [u64; BOUNDS_NS.len()],
}

/// What user space reads of a slot. The slot goes on with what only the kernel side needs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Kept {
    /// `start_boottime` of the group leader.
    pub start_ns: u64,
    /// Thread group id.
    pub tgid: u32,
    /// Threads in the group at `begin_ns`.
    pub threads: u32,
    /// When the whole group began to exit.
    pub begin_ns: u64,
    /// Its last exec after it had forked or waited.
    pub exec_ns: u64,
    /// Who created it.
    pub forker: Process,
    /// Its death, if that is or was held back; before, its wait calls are in the same bytes.
    pub held: Held,
    /// The ordinary deaths that it reaped; with [`Options::steps`](crate::Options::steps) there are
    /// none, and the steps of its exit are in the same bytes.
    pub reaps: Reaps,
}

/// A death that is held back.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Held {
    /// The moment of death.
    pub at_ns: u64,
    /// When its parent reaped it.
    pub reaped_ns: u64,
    /// The others are those of [`Death`].
    pub parent: Process,
    pub comm: [u8; COMM_LEN],
    pub cgroup_id: u64,
    pub cgroup_v1_id: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    pub runtime_ns: u64,
    pub max_rss_pages: u64,
    pub exit_code: u32,
    pub uid: u32,
    pub namespace_level: u32,
    pub pad: u32,
    pub pids: [NamespacePid; NAMESPACE_LEVELS],
}

/// The ordinary deaths that the first thread of a process reaped, as the program that it runs now.
/// Those that another one reaps are sent: two threads would count at the same time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Reaps {
    /// How many.
    pub total: u64,
    /// When the last one was.
    pub last_ns: u64,
    /// Start of the youngest of them.
    pub newest_start_ns: u64,
    /// When that was reaped.
    pub newest_ns: u64,
    /// Name of the process, as of the last one.
    pub comm: [u8; COMM_LEN],
    /// Zombie times of the last ones: that of the n-th is at n modulo [`SAMPLES`].
    pub zombie_ns: [u32; SAMPLES],
}

/// The exit signal of every death that is held back, on every architecture that matters here.
const SIGCHLD: i32 = 17;

impl Kept {
    /// Writes the record of the death that is held back.
    #[expect(
        clippy::inline_always,
        reason = "the verifier would check the call anew for each caller's pointers"
    )]
    #[inline(always)]
    pub fn fill_death(&self, death: &mut Death) {
        let held = &self.held;
        death.head = Head {
            kind: kind::DEATH,
            flags: 0,
            at_ns: held.at_ns,
        };
        death.process = Process {
            tgid: self.tgid,
            tid: self.tgid,
            start_ns: self.start_ns,
            comm: held.comm,
        };
        death.parent = held.parent;
        death.tracer = Process::NONE;
        death.forker = self.forker;
        death.killer = Process::NONE;
        death.killed_ns = 0;
        death.begin_ns = self.begin_ns;
        death.cgroup_id = held.cgroup_id;
        death.cgroup_v1_id = held.cgroup_v1_id;
        death.user_ns = held.user_ns;
        death.system_ns = held.system_ns;
        death.runtime_ns = held.runtime_ns;
        death.max_rss_pages = held.max_rss_pages;
        death.kill_signal = 0;
        death.kill_by = 0;
        death.exit_code = held.exit_code;
        death.exit_signal = SIGCHLD;
        death.uid = held.uid;
        death.threads = self.threads;
        death.namespace_level = held.namespace_level;
        death.pids = held.pids;
    }
}
