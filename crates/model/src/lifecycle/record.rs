//! What is known of one death, from its first sign to its reap.

use crate::events::{CgroupIds, ExitStatus, Key, Kill, NamespacePid, Process, Resources, Steps};

/// What `Died::at_ns` is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiedBound {
    /// The moment of death itself.
    Exact,
    /// The death came at this moment or later (no notification could be seen).
    NotBefore,
    /// It was already dead at this moment (found by a snapshot): its age is a lower bound.
    NotAfter,
}

/// When a process became a reapable zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died {
    /// The moment.
    pub at_ns: u64,
    /// What it is worth.
    pub bound: DiedBound,
}

/// How a dead process was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its parent, or an adopter, waited for it.
    Wait,
    /// Nobody had to: the parent ignores SIGCHLD or asked for auto-reaping.
    Autoreap,
    /// Its tracer released it.
    Tracer,
    /// The init of its PID namespace was exiting and cleared up.
    Namespace,
    /// Not known: the reap itself was not seen.
    Unknown,
}

impl How {
    /// As JSON and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Autoreap => "autoreap",
            Self::Tracer => "tracer",
            Self::Namespace => "namespace",
            Self::Unknown => "unknown",
        }
    }
}

/// The release of a dead process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reap {
    /// When; `None` where not even a bound is known.
    pub at_ns: Option<u64>,
    /// Whether `at_ns` is only an upper bound.
    pub at_is_upper_bound: bool,
    /// Who did it; `None` for an auto-reap or where not seen.
    pub by: Option<Process>,
    /// Name of the thread that did, where that is known and not the first one.
    pub by_thread: Option<String>,
    /// How.
    pub how: How,
}

/// Those who had to reap a zombie before it came to who must now, that are kept: each of them has
/// ended or let it go, so that more is rare.
pub const MOST_FORMER: usize = 8;

/// Somebody who had to reap a zombie and did not, until it came to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Who.
    pub process: Process,
    /// Whether it was the ptracer, whose wait is no reap.
    pub was_tracer: bool,
    /// When that ended.
    pub until_ns: u64,
    /// Whether `until_ns` is only an upper bound.
    pub until_is_upper_bound: bool,
}

/// One death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who died.
    pub process: Process,
    /// Who must reap it now, or had to at its reap.
    pub parent: Option<Process>,
    /// The ptracer that holds it now.
    pub tracer: Option<Process>,
    /// Who had to reap it before, and did not; no more than [`MOST_FORMER`] of them.
    pub former: Vec<Former>,
    /// Who created it.
    pub forker: Option<Process>,
    /// The signal that killed it; `None` where `status` says it was not that signal.
    pub kill: Option<Kill>,
    /// First moment the whole group was on its way out.
    pub begin_ns: Option<u64>,
    /// When it died.
    pub died: Died,
    /// How it ended; `None` where a snapshot could not tell.
    pub status: Option<ExitStatus>,
    /// The signal that its parent gets.
    pub exit_signal: Option<i32>,
    /// Where it was.
    pub cgroups: CgroupIds,
    /// Real uid.
    pub uid: u32,
    /// What it used; `None` of a zombie that a snapshot found.
    pub resources: Option<Resources>,
    /// Where the time of its exit went, where that was measured.
    pub steps: Option<Steps>,
    /// Its numbers, outermost namespace first.
    pub pids: Vec<NamespacePid>,
    /// Its release, once it came.
    pub reap: Option<Reap>,
}

impl Record {
    /// Who must act now for it to be reaped: the tracer if there is one, since the real parent's
    /// wait finds nothing until the tracer lets go
    /// ([`wait_consider_task`](https://elixir.bootlin.com/linux/v6.12/A/ident/wait_consider_task)).
    pub fn responsible(&self) -> Option<&Process> {
        self.tracer.as_ref().or(self.parent.as_ref())
    }

    /// The last ptracer that held it and let it go.
    pub fn former_tracer(&self) -> Option<&Process> {
        let mut tracers = self.former.iter().filter(|former| former.was_tracer);
        tracers.next_back().map(|former| &former.process)
    }

    /// Whether the kernel released it at its death, so that it never was a zombie. Where the death
    /// was only announced neither moment is known, but that there was nothing in between.
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
    /// Nobody had to reap it: the kernel released it at `at_ns`.
    pub(super) fn autoreap(at_ns: u64) -> Self {
        Self {
            at_ns: Some(at_ns),
            at_is_upper_bound: false,
            by: None,
            by_thread: None,
            how: How::Autoreap,
        }
    }

    /// It is gone, and was reaped at `at_ns` at the latest.
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

/// What user space's own repair had to put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Correction {
    /// A snapshot showed a zombie whose death was not seen.
    ZombieFound,
    /// A snapshot showed that a zombie is gone whose reap was not seen.
    ReapMissed,
    /// A process predicted to be auto-reaped lies as a zombie.
    AutoreapWrong,
    /// A snapshot showed another parent or tracer than the events had.
    ParentChanged,
    /// A reap of somebody whose death was not seen.
    ReapWithoutDeath,
    /// The table was full and its oldest entry was given up.
    TableFull,
}

impl Correction {
    /// Every kind of repair.
    pub const ALL: [Self; 6] = [
        Self::ZombieFound,
        Self::ReapMissed,
        Self::AutoreapWrong,
        Self::ParentChanged,
        Self::ReapWithoutDeath,
        Self::TableFull,
    ];

    /// As the metric calls it.
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

/// What one input changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A death that was announced has happened, and is to be counted now. What became of it
    /// follows.
    Confirmed(Box<Record>),
    /// A process became a zombie.
    Died(Key),
    /// Somebody else must reap it now.
    Adopted {
        /// The zombie.
        dead: Key,
        /// Who had to until now.
        from: Option<Key>,
    },
    /// A death is complete: reaped or auto-reaped.
    Finished(Box<Record>),
    /// Something was repaired.
    Corrected(Correction),
    /// Somebody was told of a zombie that is not known here: its death was not seen, and a
    /// snapshot taken soon would show it.
    Unexplained,
}
