//! Parents that do not reap, each with its count.

use anyhow::Result;

use crate::soak::stage::Stage;

const COUNTS: [u64; 3] = [300, 1_000, 3_000];

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let leaks = COUNTS.map(|count| stage.leak(count));
    for (leak, count) in leaks.into_iter().zip(COUNTS) {
        stage.expect_held(&leak?, count)?;
    }
    // The parents die too.
    Ok(COUNTS.iter().sum::<u64>() + COUNTS.len() as u64)
}
