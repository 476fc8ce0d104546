//! Zombies that stay.

use anyhow::Result;

use crate::death::Death;
use crate::truth::Truth;

/// `count` children that die and are never reaped by this process.
///
/// # Errors
/// If fork fails.
pub fn leak(count: u32) -> Result<Vec<Truth>> {
    let mut truths = Vec::new();
    for _ in 0..count {
        let death = Death::new(c"rw-leak")?;
        let pid = death.fork(|| 3)?;
        death.see(pid)?;
        truths.push(Truth {
            name: "leak".to_owned(),
            ..death.truth()?
        });
    }
    Ok(truths)
}
