//! Zombies, in the answer of `zombies`.

use serde::{Deserialize, Serialize};

use super::{Container, Exit, Held, Process, Seconds, Shared, Time, Verdict};

/// A process that is dead and has not been reaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Zombie {
    /// Its PID in the initial PID namespace.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
    /// Its name.
    pub comm: String,
    /// How it ended; null if that could not be read.
    pub exit: Option<Exit>,
    /// When it died; null if that was before the agent started.
    pub died_at: Option<Time>,
    /// How long it has been a zombie.
    pub zombie_seconds: Seconds,
    /// Whether that time is a lower bound. For a zombie older than the agent it comes from
    /// scheduler statistics and is usually too short by milliseconds.
    pub age_is_lower_bound: bool,
    /// Real uid.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Its forker.
    pub forker: Option<Shared<Process>>,
    /// The parent that has to reap it.
    pub parent: Option<Shared<Process>>,
    /// The ptracer that holds it.
    pub tracer: Option<Shared<Process>>,
    /// Earlier parents and tracers that had to reap it and did not, in order.
    #[serde(default)]
    pub held_before: Vec<Held>,
    /// Its workload.
    pub container: Option<Shared<Container>>,
    /// The workload of its parent.
    #[serde(default)]
    pub parent_container: Option<Shared<Container>>,
    /// Why it has not been reaped.
    pub verdict: Option<Shared<Verdict>>,
}

impl Zombie {
    /// Appends it as JSON. There may be hundreds of thousands.
    pub fn write(&self, to: &mut Vec<u8>) {
        super::append(self, to);
    }
}
