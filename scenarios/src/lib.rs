//! Deaths with a known truth.
//!
//! A scenario makes one or a few processes die in a chosen way and records, from inside the
//! dying and the reaping processes, all that a tool watching from outside could be asked: which
//! process died, when and how, its killer, its reaper and the time of the reap. The processes are
//! made by one single-threaded program, so that a fresh child may do anything its parent could.

pub mod cases;
mod cgroup;
pub mod clock;
pub mod clone3;
pub mod culprits;
pub mod death;
pub mod exits;
pub mod fails;
mod fuse;
pub mod guard;
mod helpers;
mod ids;
pub mod lacking;
pub mod load;
pub mod pod;
pub mod slots;
pub mod slow;
pub mod stays;
pub mod stuck;
mod syscall;
pub mod truth;
pub mod uring;
pub mod wait;

pub use truth::Truth;

/// A file that lists mounts. Their paths may hold any bytes.
fn mounts(path: &str) -> anyhow::Result<String> {
    use anyhow::Context as _;
    let mounts = std::fs::read(path).context("cannot read mounts")?;
    Ok(String::from_utf8_lossy(&mounts).into_owned())
}
