//! Closed sets of names. Code compares the variants; only JSON and cells have the text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A name of a closed set, or one that only an agent of another version knows: it is kept and shown
/// as it came, so that one new name does not spoil the whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrOther<T> {
    /// One of the set.
    Known(T),
    /// Any other.
    Other(String),
}

impl<T: Copy + Into<&'static str>> OrOther<T> {
    /// The one of the set.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(name) => Some(*name),
            Self::Other(_) => None,
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(name) => (*name).into(),
            Self::Other(name) => name,
        }
    }
}

impl<T> From<T> for OrOther<T> {
    fn from(name: T) -> Self {
        Self::Known(name)
    }
}

impl<T: PartialEq> PartialEq<T> for OrOther<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(name) if name == other)
    }
}

impl<T: FromStr> OrOther<T> {
    /// The name with this text.
    pub fn named(text: String) -> Self {
        text.parse().map_or(Self::Other(text), Self::Known)
    }
}

impl<T: Copy + Into<&'static str>> fmt::Display for OrOther<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<T: Copy + Into<&'static str>> Serialize for OrOther<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de, T: FromStr> Deserialize<'de> for OrOther<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::named)
    }
}

/// A closed set: the name of a variant in JSON is its own in snake case.
macro_rules! names {
    ($($(#[$about:meta])* pub enum $set:ident $variants:tt)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Display, EnumString, IntoStaticStr, VariantArray)]
        #[strum(serialize_all = "snake_case", const_into_str)]
        #[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
        pub enum $set $variants
    )*};
}

names! {
    /// The kind of a hook, best first.
    pub enum HookKind {
        /// A trampoline at the function's entry: exact and cheapest.
        Fentry,
        /// A breakpoint at the function's entry: exact but more expensive.
        Kprobe,
        /// The nearest tracepoint: not always exact.
        Tracepoint,
    }

    /// How a process ended.
    pub enum ExitKind {
        /// By itself.
        Exited,
        /// By a signal.
        Killed,
        /// By a signal, with a core dump.
        Dumped,
    }

    /// The source of a fatal signal.
    pub enum KillBy {
        /// A process: by a system call, or by exiting as a tracer that asked for that.
        Process,
        /// The kernel itself: for a fault, SIGPIPE, a sysrq key.
        Kernel,
        /// The OOM killer.
        Oom,
        /// A terminal and its job control.
        Terminal,
        /// A timer.
        Timer,
        /// Its PID namespace's init ended.
        Namespace,
        /// The thread that forked it ended (`PR_SET_PDEATHSIG`).
        ParentDeath,
        /// Its CPU time limit (`RLIMIT_CPU`).
        CpuLimit,
    }

    /// How a dead process was released.
    pub enum How {
        /// Its parent, or an adopter, waited for it.
        Wait,
        /// It needed no reaping: the parent ignores SIGCHLD or asked for auto-reaping.
        Autoreap,
        /// Its tracer released it.
        Tracer,
        /// By the init of its PID namespace, which was exiting.
        Namespace,
        /// Unknown: the reap itself was not seen.
        Unknown,
    }

    /// How sure a verdict is.
    pub enum Confidence {
        /// It fits the evidence, but so do other explanations.
        Guess,
        /// Another explanation would need something unusual in the missing evidence.
        Likely,
        /// The kernel allows no other explanation.
        Certain,
    }

    /// Whether a time is exact or a bound.
    pub enum Bound {
        /// The exact value.
        Exact,
        /// The true value is this or larger.
        AtLeast,
        /// The true value is this or smaller.
        AtMost,
    }

    /// The state of a process.
    pub enum ProcessState {
        /// Alive.
        Alive,
        /// Killed or exiting, but not a zombie yet.
        Exiting,
        /// Dead and not reaped.
        Zombie,
        /// Gone.
        Reaped,
        /// No process with this PID is known.
        Unknown,
    }

    /// What a process is to the one that was asked about.
    pub enum Role {
        /// Its parent.
        Parent,
        /// Its tracer.
        Tracer,
        /// The process itself.
        Itself,
    }

    /// A part of the end of a process; after `Zombie` the steps of its exit, which are measured
    /// with `--steps`.
    pub enum PhaseName {
        /// From the fatal signal until it began to exit.
        Signal,
        /// Until it was dead.
        Exit,
        /// Until it was reaped.
        Zombie,
        /// Before its exit, libc's `exit`: handlers, buffers, temporary files.
        ExitHandlers,
        /// Its core dump.
        DumpingCore,
        /// Until its last thread began to exit.
        WaitingForSiblings,
        /// Releasing its memory.
        ReleasingMemory,
        /// Closing its files.
        ClosingFiles,
        /// Deferred work, such as the final release of a file.
        DeferredWork,
        /// Leaving its namespaces.
        Namespaces,
        /// The rest of its exit.
        Other,
    }

    /// What a process that does not die waits for.
    pub enum Awaited {
        /// The server of a FUSE file system.
        Fuse,
        /// The server of a network file system.
        Network,
        /// The reader of its core dump.
        CoreHelper,
        /// Its tracer.
        Tracer,
        /// The end of the others in its PID namespace.
        Namespace,
        /// The thaw of its cgroup.
        Freezer,
    }

    /// The QoS class of a pod.
    pub enum Qos {
        /// Its requests are its limits.
        Guaranteed,
        /// It has requests.
        Burstable,
        /// It has none.
        Besteffort,
    }
}

impl KillBy {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;
}

impl Bound {
    /// A lower bound, or exact.
    pub fn lower(is_bound: bool) -> Self {
        if is_bound { Self::AtLeast } else { Self::Exact }
    }

    /// An upper bound, or exact.
    pub fn upper(is_bound: bool) -> Self {
        if is_bound { Self::AtMost } else { Self::Exact }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_version_is_kept_as_it_came() {
        for (json, known) in [
            (r#""core_helper""#, Some(Awaited::CoreHelper)),
            (r#""meditation""#, None),
        ] {
            let name: OrOther<Awaited> = serde_json::from_str(json).expect(json);
            assert_eq!(name.known(), known);
            assert_eq!(serde_json::to_string(&name).expect("JSON"), json);
        }
    }
}
