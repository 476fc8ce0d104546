//! Prints what happens, each line with the seconds since the start.

use std::time::Instant;

pub(super) struct Timeline {
    began: Instant,
}

impl Timeline {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(super) fn print(&self, event: &str) {
        println!("{:6.1} s  {event}", self.began.elapsed().as_secs_f64());
    }
}
