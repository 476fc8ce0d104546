//! Delays before retrying after a failure.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The first delay; jitter adds up to as much again.
const SHORTEST: Duration = Duration::from_millis(250);
/// The maximum delay, before jitter.
pub const LONGEST: Duration = Duration::from_secs(30);

/// The delays from the first failure on, without end.
pub fn retry_delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_maximum() {
        let waits: Vec<_> = retry_delays().take(20).collect();
        assert!(
            waits[0] >= SHORTEST && waits[0] <= 2 * SHORTEST,
            "{waits:?}"
        );
        assert!(
            waits[19] >= LONGEST && waits[19] <= 2 * LONGEST,
            "{waits:?}"
        );
    }
}
