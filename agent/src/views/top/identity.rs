//! What a row of the live view is about, across frames.

use api::{Process, Time, Zombie};

/// Identity of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its PID.
    pub pid: u32,
    /// Its start time.
    pub start_time: Option<Time>,
}

impl Identity {
    /// Of a process.
    pub fn of(process: &Process) -> Self {
        Self {
            pid: process.pid,
            start_time: process.start_time,
        }
    }

    /// Of a zombie.
    pub fn of_zombie(zombie: &Zombie) -> Self {
        Self {
            pid: zombie.pid,
            start_time: zombie.start_time,
        }
    }
}
