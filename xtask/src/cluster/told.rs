//! The story as it is told: one line for each thing, and when it happened.

use std::time::Instant;

pub(super) struct Told {
    began: Instant,
}

impl Told {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// One more line.
    pub(super) fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f64());
    }

    /// When the last line could have been told.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
