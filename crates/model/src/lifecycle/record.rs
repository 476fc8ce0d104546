//! What is known about one death, from its first sign to its reap.

use api::Bound;
pub use api::How;

use crate::events::{
    CgroupIds, Comm, ExitStatus, Key, Kill, NamespacePid, Process, Resources, Steps,
};

/// Precision of `Died::at_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiedBound {
    /// The exact moment of death.
    Exact,
    /// The death was at this moment or later (no notification was seen).
    NotBefore,
    /// It was already dead at this moment (found by a snapshot), so its age is a lower bound.
    NotAfter,
}

impl DiedBound {
    /// The precision of a time, or of a duration that ends at it.
    pub fn of_time(self) -> Bound {
        match self {
            Self::Exact => Bound::Exact,
            Self::NotBefore => Bound::AtLeast,
            Self::NotAfter => Bound::AtMost,
        }
    }
}

/// When a process became a zombie that can be reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died {
    /// The moment.
    pub at_ns: u64,
    /// Its precision.
    pub bound: DiedBound,
}

/// The release of a dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reap {
    /// When; `None` if not even a bound is known.
    pub at_ns: Option<u64>,
    /// Whether `at_ns` is only an upper bound.
    pub at_is_upper_bound: bool,
    /// The reaper; `None` for an auto-reap or if not seen.
    pub by: Option<Process>,
    /// Name of the reaping thread, if known and not the first one.
    pub by_thread: Option<Comm>,
    /// How.
    pub how: How,
}

/// Maximum number of earlier parents and tracers kept per zombie; more are rare, since each of them
/// has exited or released it.
pub const MOST_FORMER: usize = 8;

/// A process that had to reap a zombie and did not, before another one became responsible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The process.
    pub process: Process,
    /// Whether it was the ptracer, whose wait does not reap.
    pub was_tracer: bool,
    /// When that ended.
    pub until_ns: u64,
    /// Whether `until_ns` is only an upper bound.
    pub until_is_upper_bound: bool,
}

/// One death. There may be a hundred thousand, so what few of them have is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The process.
    pub process: Process,
    /// The parent that has or had to reap it.
    pub parent: Option<Process>,
    /// The ptracer that holds it now.
    pub tracer: Option<Process>,
    /// Earlier parents and tracers, at most [`MOST_FORMER`].
    pub former: Vec<Former>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The signal that killed it; `None` if `status` shows that it was not that signal.
    pub kill: Option<Box<Kill>>,
    /// When the whole group began to exit.
    pub begin_ns: Option<u64>,
    /// When it died.
    pub died: Died,
    /// How it ended; `None` if a snapshot could not show it.
    pub status: Option<ExitStatus>,
    /// The signal sent to its parent.
    pub exit_signal: Option<i32>,
    /// Its cgroup.
    pub cgroups: CgroupIds,
    /// Real uid.
    pub uid: u32,
    /// Resources; `None` for a zombie found by a snapshot.
    pub resources: Option<Resources>,
    /// Time in each step of its exit, if measured.
    pub steps: Option<Box<Steps>>,
    /// Its PIDs, outermost namespace first.
    pub pids: Vec<NamespacePid>,
    /// Its release, once it happened.
    pub reap: Option<Box<Reap>>,
}

impl Record {
    /// The process that has to act: the tracer if there is one, since the real parent's wait finds
    /// nothing until the tracer releases it
    /// ([`wait_consider_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_consider_task)).
    pub fn responsible(&self) -> Option<&Process> {
        self.tracer.as_ref().or(self.parent.as_ref())
    }

    /// The last ptracer that held and released it.
    pub fn former_tracer(&self) -> Option<&Process> {
        let mut tracers = self.former.iter().filter(|former| former.was_tracer);
        tracers.next_back().map(|former| &former.process)
    }

    /// Whether the kernel released it at its death, so that it never was a zombie. For an announced
    /// death neither moment is known, only that there was nothing in between.
    pub fn vanished_at_once(&self) -> bool {
        self.reap.as_ref().is_some_and(|reap| {
            let vague = reap.at_is_upper_bound && self.died.bound == DiedBound::NotBefore;
            let at_once = reap.at_ns.is_none_or(|at_ns| at_ns <= self.died.at_ns);
            reap.how == How::Autoreap && (at_once || vague)
        })
    }

    /// From death to release, in nanoseconds; `None` while it is a zombie, and unless both ends
    /// are exact.
    pub fn exact_zombie_ns(&self) -> Option<u64> {
        let reap = self.reap.as_ref()?;
        let exact = self.died.bound == DiedBound::Exact && !reap.at_is_upper_bound;
        reap.at_ns?.checked_sub(self.died.at_ns).filter(|_| exact)
    }
}

impl Reap {
    /// It needed no reaping: the kernel released it at `at_ns`.
    pub(super) fn autoreap(at_ns: u64) -> Self {
        Self {
            at_ns: Some(at_ns),
            at_is_upper_bound: false,
            by: None,
            by_thread: None,
            how: How::Autoreap,
        }
    }

    /// It is gone, and was reaped by `at_ns` at the latest.
    pub(super) fn before(at_ns: u64) -> Self {
        Self {
            at_ns: Some(at_ns),
            at_is_upper_bound: true,
            by: None,
            by_thread: None,
            how: How::Unknown,
        }
    }
}

/// Corrections made by user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Correction {
    /// A snapshot showed a zombie whose death was not seen.
    ZombieFound,
    /// A snapshot showed that a zombie is gone whose reap was not seen.
    ReapMissed,
    /// A process expected to be auto-reaped is a zombie.
    AutoreapWrong,
    /// A snapshot showed another parent or tracer than the events.
    ParentChanged,
    /// A reap of a process whose death was not seen.
    ReapWithoutDeath,
    /// The table was full: a zombie was counted and not listed.
    TableFull,
}

impl Correction {
    /// All kinds of corrections.
    pub const ALL: [Self; 6] = [
        Self::ZombieFound,
        Self::ReapMissed,
        Self::AutoreapWrong,
        Self::ParentChanged,
        Self::ReapWithoutDeath,
        Self::TableFull,
    ];

    /// Its name in the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZombieFound => "zombie_found",
            Self::ReapMissed => "reap_missed",
            Self::AutoreapWrong => "autoreap_wrong",
            Self::ParentChanged => "parent_changed",
            Self::ReapWithoutDeath => "reap_without_death",
            Self::TableFull => "table_full",
        }
    }
}

/// A change caused by one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// An announced death has happened and is counted now. Another transition with its outcome
    /// follows.
    Confirmed(Box<Record>),
    /// A process became a zombie.
    Died(Key),
    /// Another process became responsible.
    Adopted {
        /// The zombie.
        dead: Key,
        /// The previously responsible process.
        from: Option<Key>,
    },
    /// A death is complete: reaped or auto-reaped.
    Finished(Box<Record>),
    /// A process became a zombie for which the table has no room. This one has to reap it.
    Unlisted(Option<Process>),
    /// One of those was reaped, which another transition reports, or is in the table now.
    UnlistedGone(Option<Process>),
    /// So many of those were found by a snapshot, each a [`Correction::ZombieFound`].
    UnlistedFound(u64),
    /// So many of those are gone, by a snapshot; what happened was not seen.
    UnlistedVanished(u64),
    /// A correction.
    Corrected(Correction),
    /// A process was notified of an unknown zombie: its death was not seen, and a snapshot taken
    /// soon would show it.
    Unexplained,
}
