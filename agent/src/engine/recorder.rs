//! Records the input of the lifecycle, in order.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::recording_file::Sink;
use model::clock::Wall;
use model::events::{Event, Key, Process, Snapshot};
use model::recording::{self, Counted, FoundStuck, Head, Join, Judged, Why};
use model::workload::Answer;

/// Buffered text is written to the file at this size, and every second.
const PIECE: usize = 64 << 10;
/// Of so many recorded workloads it is known that they were; after that, they are written again.
const FOUND: usize = 65_536;

/// Writes a recording, if requested.
#[derive(Debug)]
pub(super) struct Recorder(Option<Open>);

#[derive(Debug)]
struct Open {
    sink: Sink,
    text: String,
    join: Option<Join>,
    counted: Option<Counted>,
    /// The last recorded verdict on each culprit.
    judged: HashMap<Key, Option<api::Verdict>>,
    /// What was last recorded of processes that do not die.
    stuck: HashMap<Key, Why>,
    /// Hashes of the lines on workloads.
    found: HashSet<u64>,
}

impl Recorder {
    /// Says where the recording is made.
    pub(super) fn begin(sink: Option<Sink>, about: &Head) -> Self {
        let open = sink.map(|sink| {
            let mut text = String::new();
            recording::head(&mut text, about);
            Open {
                sink,
                text,
                join: None,
                counted: None,
                judged: HashMap::new(),
                stuck: HashMap::new(),
                found: HashSet::new(),
            }
        });
        Self(open)
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.write(|text| recording::event(text, event));
    }

    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) {
        self.write(|text| recording::snapshot(text, snapshot));
    }

    pub(super) fn expire(&mut self, now_ns: u64) {
        self.write(|text| recording::expire(text, now_ns));
    }

    pub(super) fn drained(&mut self, now_ns: u64) {
        self.write(|text| recording::drained(text, now_ns));
    }

    /// Writes the clock offset if it has changed.
    pub(super) fn wall(&mut self, wall: Wall) {
        let (from_ns, offset_ns) = wall.last();
        let join = Join { from_ns, offset_ns };
        if let Some(open) = self.0.as_mut().filter(|open| open.join != Some(join)) {
            open.join = Some(join);
            recording::wall(&mut open.text, join);
        }
    }

    /// Writes where processes belong, each line only once: lookups are repeated often.
    pub(super) fn found(&mut self, answer: &Answer) {
        let Some(open) = &mut self.0 else { return };
        let mut lines = String::new();
        recording::found(&mut lines, answer);
        for line in lines.split_inclusive('\n') {
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(line);
            if open.found.len() >= FOUND {
                open.found.clear();
            }
            if open.found.insert(hash) {
                open.text.push_str(line);
            }
        }
    }

    /// Whether a recording is in progress.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Writes the results of a round if they differ from the last one.
    pub(super) fn verdicts<'a>(
        &mut self,
        at_ns: u64,
        round: impl Iterator<Item = (&'a Process, Option<&'a api::Verdict>)>,
    ) {
        let Some(open) = &mut self.0 else { return };
        let round = round.map(|(process, verdict)| (process, verdict.cloned()));
        for (process, verdict) in changed(&mut open.judged, round) {
            let judged = Judged {
                at_ns,
                process,
                verdict,
            };
            recording::judged(&mut open.text, &judged);
        }
    }

    /// Writes what a round found of processes that do not die, if it differs from the last one.
    pub(super) fn stuck<'a>(
        &mut self,
        at_ns: u64,
        round: impl Iterator<Item = (&'a Process, &'a api::Stuck)>,
    ) {
        let Some(open) = &mut self.0 else { return };
        let round = round.map(|(process, stuck)| (process, Why::of(stuck)));
        for (process, found) in changed(&mut open.stuck, round) {
            let found = FoundStuck {
                at_ns,
                process,
                found,
            };
            recording::stuck(&mut open.text, &found);
        }
    }

    /// Every second: writes the counters if they have changed, and flushes the buffer.
    pub(super) fn counted(&mut self, counted: Counted) {
        let latest = Some(counted);
        if let Some(open) = self.0.as_mut().filter(|open| open.counted != latest) {
            open.counted = latest;
            recording::counted(&mut open.text, &counted);
        }
        self.flush();
    }

    /// Ends the recording.
    pub(super) fn end(&mut self, now_ns: u64) {
        self.write(|text| recording::end(text, now_ns));
        self.flush();
    }

    fn write(&mut self, line: impl FnOnce(&mut String)) {
        let Some(open) = &mut self.0 else { return };
        line(&mut open.text);
        if open.text.len() >= PIECE {
            self.flush();
        }
    }

    /// Hands buffered text to the writer; ends the recording if the writer has gone.
    fn flush(&mut self) {
        let Some(open) = &mut self.0 else { return };
        if open.sink.write(std::mem::take(&mut open.text)).is_err() {
            self.0 = None;
        }
    }
}

/// The results of a round that differ from those of the last one, which it replaces.
fn changed<'a, T: Clone + PartialEq>(
    last: &mut HashMap<Key, T>,
    round: impl Iterator<Item = (&'a Process, T)>,
) -> Vec<(Process, T)> {
    let mut before = std::mem::take(last);
    let mut changed = Vec::new();
    for (process, result) in round {
        if before.remove(&process.key).as_ref() != Some(&result) {
            changed.push((*process, result.clone()));
        }
        last.insert(process.key, result);
    }
    changed
}
