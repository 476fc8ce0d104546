//! A scenario that fails, for the test of what it leaves.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::death::Death;
use crate::slots::Slot;

/// Its command.
pub const NAME: &str = "fail";
/// What a child prints that outlives it.
pub const LEFT: &str = "left";

/// How long the sleepers would live.
const LONG: Duration = Duration::from_secs(10);

/// Fails, beside a child that sleeps and one whose own part fails beside a sleeper.
///
/// # Errors
/// Always.
pub fn beside_sleepers() -> Result<()> {
    let [outer, helper, inner] = [c"rw-sleeper", c"rw-helper", c"rw-orphan"].map(Death::new);
    let (outer, helper, inner) = (outer?, helper?, inner?);
    outer.fork(sleep)?;
    let pid = helper.fork_helper(|| {
        inner.fork(sleep)?;
        inner.wait(Slot::Ready)?;
        bail!("as it was told")
    })?;
    outer.wait(Slot::Ready)?;
    helper.see(pid)?;
    bail!("as it was told")
}

fn sleep() -> i32 {
    std::thread::sleep(LONG);
    println!("{LEFT}");
    0
}
