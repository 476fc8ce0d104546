//! What the kernel side keeps of ordinary deaths and reaps instead of sending it.

use wire::Kept;

use super::decode::{self, Malformed, death, key, process};
use super::{Event, Key, Process, Release};

/// The ordinary deaths that a process reaped, as its current program: it exited by itself and was
/// reaped by its parent within milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaps {
    /// The process.
    pub by: Process,
    /// Its last exec after it had forked or waited; 0 if there was none.
    pub exec_ns: u64,
    /// How many.
    pub total: u64,
    /// When the last one was.
    pub last_ns: u64,
    /// Start of the youngest child among them, and when it was reaped.
    pub newest: (u64, u64),
    /// Zombie times of the last ones, the latest last.
    pub zombie_ns: Vec<u64>,
}

/// The [`Kept`] that the bytes of a slot begin with.
pub fn decode_kept(bytes: &[u8]) -> Result<Kept, Malformed> {
    decode::split(bytes).map(|(kept, _)| kept)
}

/// The death that is held back in a slot.
pub fn held_death(kept: &Kept, page_size: u64) -> Result<Event, Malformed> {
    let mut record = wire::Death::default();
    kept.fill_death(&mut record);
    death(&record, page_size).map(|death| Event::Death(Box::new(death)))
}

/// The reap of a death that was counted and not sent.
pub fn counted_reap(kept: &Kept) -> Option<Event> {
    let held = &kept.held;
    Some(Event::Release(Release {
        at_ns: held.reaped_ns,
        dead: key(kept.tgid, kept.start_ns)?,
        by: process(&held.parent)?,
        by_thread: None,
        reaper_exiting: false,
        by_itself: false,
    }))
}

/// What a process reaped; `None` if that is nothing.
pub fn reaps(kept: &Kept) -> Option<Reaps> {
    let reaps = &kept.reaps;
    let total = (reaps.total > 0).then_some(reaps.total)?;
    let Key { tgid, start_ns } = key(kept.tgid, kept.start_ns)?;
    let samples = wire::SAMPLES as u64;
    let zombie_ns = (total.saturating_sub(samples)..total)
        .map(|n| u64::from(reaps.zombie_ns[(n % samples) as usize]))
        .collect();
    Some(Reaps {
        by: process(&wire::Process {
            tgid,
            tid: tgid,
            start_ns,
            comm: reaps.comm,
        })?,
        exec_ns: kept.exec_ns,
        total,
        last_ns: reaps.last_ns,
        newest: (reaps.newest_start_ns, reaps.newest_ns),
        zombie_ns,
    })
}
