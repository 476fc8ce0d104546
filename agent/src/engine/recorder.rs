//! Records what goes into the lifecycle, in the order in which it goes in.

use std::{collections::HashMap, thread, time::Duration};

use super::core::{Agent, SETTLE_NS};
use crate::engine::recording_file::Sink;
use crate::probes;
use model::clock::Wall;
use model::events::{Event, Key, Process, Snapshot};
use model::recording::{self, Counted, Head, Join, Judged};

/// Bytes of text that go to the file at once; what is less goes every second.
const PIECE: usize = 64 << 10;

/// Writes a recording, if one was asked for.
#[derive(Debug)]
pub(super) struct Recorder(Option<Open>);

#[derive(Debug)]
struct Open {
    sink: Sink,
    text: String,
    join: Option<Join>,
    counted: Option<Counted>,
    /// What was said last of each who was judged.
    judged: HashMap<Key, Option<api::Verdict>>,
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

    /// Tells of the clocks where they are not as they were told.
    pub(super) fn wall(&mut self, wall: Wall) {
        let (from_ns, offset_ns) = wall.last();
        let join = Join { from_ns, offset_ns };
        if let Some(open) = self.0.as_mut().filter(|open| open.join != Some(join)) {
            open.join = Some(join);
            recording::wall(&mut open.text, join);
        }
    }

    /// Whether anything is recorded at all.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// What a round said, where it is not what the last one said.
    pub(super) fn verdicts<'a>(
        &mut self,
        at_ns: u64,
        round: impl Iterator<Item = (&'a Process, Option<&'a api::Verdict>)>,
    ) {
        let Some(open) = &mut self.0 else { return };
        let mut before = std::mem::take(&mut open.judged);
        for (process, verdict) in round {
            let verdict = verdict.cloned();
            if before.remove(&process.key).as_ref() != Some(&verdict) {
                let judged = Judged {
                    at_ns,
                    process: process.clone(),
                    verdict: verdict.clone(),
                };
                recording::judged(&mut open.text, &judged);
            }
            open.judged.insert(process.key, verdict);
        }
    }

    fn counted(&mut self, counted: Counted) {
        let told = Some(counted);
        if let Some(open) = self.0.as_mut().filter(|open| open.counted != told) {
            open.counted = told;
            recording::counted(&mut open.text, &counted);
        }
    }

    fn write(&mut self, line: impl FnOnce(&mut String)) {
        let Some(open) = &mut self.0 else { return };
        line(&mut open.text);
        if open.text.len() >= PIECE {
            self.flush();
        }
    }

    /// Hands over what is written; the end of it where nobody takes it any more.
    fn flush(&mut self) {
        let Some(open) = &mut self.0 else { return };
        if open.sink.write(std::mem::take(&mut open.text)).is_err() {
            self.0 = None;
        }
    }
}

impl Agent {
    /// Every second: what was counted, and all that waits goes to the file.
    pub(super) fn record_counts(&mut self) {
        if self.recorder.0.is_none() {
            return;
        }
        self.count();
        self.recorder.counted(self.state.counted);
        self.recorder.flush();
    }

    /// Takes in what came until now, and ends the recording.
    pub(super) fn end_recording(&mut self) {
        if self.recorder.0.is_none() {
            return;
        }
        self.drain();
        // So that a replay knows who lived at the end.
        self.take_snapshot();
        thread::sleep(Duration::from_nanos(SETTLE_NS) * 2);
        self.drain();
        self.tell_rest();
        self.record_counts();
        self.recorder
            .write(|text| recording::end(text, probes::now_ns()));
        self.recorder.flush();
    }
}
