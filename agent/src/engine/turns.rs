//! Long turns of the loop, for its log: `RUST_LOG=reapwatch::engine::turns=debug`.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What other inputs would notice.
const LONG: Duration = Duration::from_millis(2);

/// When the present turn began. Its time is that of the CPU: nothing else runs on the loop's thread,
/// so neither sleep nor other programs count.
#[derive(Debug, Default)]
pub(super) struct Turns(Option<Duration>);

impl Turns {
    /// The next turn begins.
    pub(super) fn next(&mut self) {
        if !log::log_enabled!(log::Level::Debug) {
            return;
        }
        let now = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok();
        let before = std::mem::replace(&mut self.0, now);
        let took = now
            .zip(before)
            .map(|(now, before)| now.saturating_sub(before));
        if let Some(took) = took.filter(|took| *took > LONG) {
            log::debug!("a turn of the loop took {:.1} ms", took.as_secs_f64() * 1e3);
        }
    }
}
