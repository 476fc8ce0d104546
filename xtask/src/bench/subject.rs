//! What runs during a measurement, stopped on drop.

use std::process;

use anyhow::Result;

use super::exitsnoop::Exitsnoop;
use super::reference::Reference;
use crate::agent::Agent;

pub(super) enum Subject {
    Agent(Agent),
    Exitsnoop(Exitsnoop),
    Reference {
        /// Detached on drop.
        _probe: Reference,
    },
    Machine,
}

impl Subject {
    /// The process that holds its programs, if it has any.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Agent(agent) => Some(agent.pid()),
            Self::Exitsnoop(exitsnoop) => Some(exitsnoop.pid()),
            // In this process.
            Self::Reference { .. } => Some(process::id()),
            Self::Machine => None,
        }
    }

    pub(super) fn attach_reference() -> Result<Self> {
        Ok(Self::Reference {
            _probe: Reference::attach()?,
        })
    }
}
