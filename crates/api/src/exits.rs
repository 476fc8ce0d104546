//! Finished deaths, in the answer of `exits`.

use serde::{Deserialize, Serialize};

use super::{
    Container, Exit, Held, How, Killer, OrOther, Process, Reaper, Resources, Seconds, Steps, Time,
};

/// A finished death: one line of `exits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FinishedExit {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
    /// How it ended; null if that could not be read.
    pub exit: Option<Exit>,
    /// Its forker.
    pub forker: Option<Process>,
    /// The parent that had to reap it at the end.
    pub parent: Option<Process>,
    /// The ptracer that held it.
    pub tracer: Option<Process>,
    /// Earlier parents and tracers that had to reap it and did not, in order.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Its reaper.
    pub reaper: Option<Reaper>,
    /// How it was released.
    pub how: OrOther<How>,
    /// Its killer.
    pub killer: Option<Killer>,
    /// When it began to exit.
    pub began_at: Option<Time>,
    /// When it became a zombie that can be reaped, or was auto-reaped.
    pub died_at: Option<Time>,
    /// Whether `died_at` is a lower bound, usually a close one, because no hook saw the death
    /// itself.
    #[serde(default)]
    pub died_at_is_lower_bound: bool,
    /// When it was released.
    pub reaped_at: Option<Time>,
    /// Whether `reaped_at` is an upper bound: it is known only that it was gone by then.
    #[serde(default)]
    pub reaped_at_is_upper_bound: bool,
    /// From `began_at` to `died_at`.
    pub exit_seconds: Option<Seconds>,
    /// From `died_at` to `reaped_at`.
    pub zombie_seconds: Option<Seconds>,
    /// Whether `zombie_seconds` is an upper bound.
    pub zombie_seconds_is_upper_bound: bool,
    /// From the fatal signal to `died_at`.
    pub kill_seconds: Option<Seconds>,
    /// Its workload.
    pub container: Option<Container>,
    /// The workload of its parent.
    #[serde(default)]
    pub parent_container: Option<Container>,
    /// Real uid.
    pub uid: u32,
    /// Resources it used; null if its death itself was not seen.
    pub resources: Option<Resources>,
    /// Time in each step of its exit; null unless the agent runs with `--steps`.
    #[serde(default)]
    pub steps: Option<Steps>,
}

impl FinishedExit {
    /// Appends it as JSON. There may be tens of thousands in each second.
    pub fn write(&self, to: &mut Vec<u8>) {
        super::append(self, to);
    }
}

/// One line of the stream of `exits`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ExitLine {
    /// A finished death.
    Exit(Box<FinishedExit>),
    /// This many deaths are missing here, because the reader was too slow.
    Lost {
        /// How many.
        lost: u64,
    },
}
