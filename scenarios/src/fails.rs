//! A scenario that fails, to test what it leaves behind.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::death::Death;
use crate::slots::Slot;

/// Its command.
pub const NAME: &str = "fail";
/// The output of a child that outlives it.
pub const LEFT: &str = "left";

/// How long the sleepers would live otherwise: longer than a slow machine takes to fail.
const LONG: Duration = Duration::from_secs(60);

/// Fails while a child sleeps and while another, which also has a sleeping child, fails.
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
        bail!("as intended")
    })?;
    outer.wait(Slot::Ready)?;
    helper.see(pid)?;
    bail!("as intended")
}

fn sleep() -> i32 {
    std::thread::sleep(LONG);
    println!("{LEFT}");
    0
}
