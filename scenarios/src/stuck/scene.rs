//! What a case makes.

use std::any::Any;

use anyhow::Result;
use nix::unistd::Pid;

/// A running scene; dropping it releases the process.
pub(super) struct Scene {
    pub(super) pid: Pid,
    pub(super) holder: Option<Pid>,
    pub(super) connection: Option<u32>,
    pub(super) guard: Box<dyn Any>,
}

/// A scene, or why this host has none.
pub(super) type Made = Result<Scene, String>;
