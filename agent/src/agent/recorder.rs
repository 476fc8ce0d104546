//! Records the input of the lifecycle, in order.

use std::{collections::HashMap, thread, time::Duration};

use super::{
    core::{Agent, SETTLE_NS},
    host, tally,
};
use crate::{
    events::{Event, Key, Process, Snapshot},
    kernel::{self, Wall},
    recording::{self, Counted, Head, Join, Judged, Sink},
    verdict::Verdict,
};

/// Buffered text is written to the file at this size, and every second.
const PIECE: usize = 64 << 10;

/// Writes a recording, if requested.
#[derive(Debug)]
pub(super) struct Recorder(Option<Open>);

#[derive(Debug)]
struct Open {
    sink: Sink,
    text: String,
    join: Option<Join>,
    counted: Option<Counted>,
    /// The last result for each judged process.
    judged: HashMap<Key, Option<recording::Verdict>>,
}

impl Recorder {
    /// Writes where the recording is made.
    pub(super) fn begin(sink: Option<Sink>, source: &str, began_ns: u64) -> Self {
        let open = sink.map(|sink| {
            let mut text = String::new();
            let head = Head {
                host: host::name(),
                kernel: host::kernel(),
                source: source.to_owned(),
                agent: env!("CARGO_PKG_VERSION").to_owned(),
                began_ns,
            };
            recording::head(&mut text, &head);
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

    /// Writes the clock offset if it has changed.
    pub(super) fn wall(&mut self, wall: Wall) {
        let (from_ns, offset_ns) = wall.last();
        let join = Join { from_ns, offset_ns };
        if let Some(open) = self.0.as_mut().filter(|open| open.join != Some(join)) {
            open.join = Some(join);
            recording::wall(&mut open.text, join);
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
        round: impl Iterator<Item = (&'a Process, Option<&'a Verdict>)>,
    ) {
        let Some(open) = &mut self.0 else { return };
        let mut before = std::mem::take(&mut open.judged);
        for (process, verdict) in round {
            let verdict = verdict.map(in_words);
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

    /// Hands buffered text to the writer; ends the recording if the writer has gone.
    fn flush(&mut self) {
        let Some(open) = &mut self.0 else { return };
        if open.sink.write(std::mem::take(&mut open.text)).is_err() {
            self.0 = None;
        }
    }
}

fn in_words(verdict: &Verdict) -> recording::Verdict {
    recording::Verdict {
        id: verdict.id.to_owned(),
        confidence: verdict.confidence.name().to_owned(),
        summary: verdict.summary.clone(),
        evidence: verdict.evidence.clone(),
        remedy: verdict.remedy.clone(),
    }
}

impl Agent {
    /// Every second: writes the counters and flushes the buffer.
    pub(super) fn record_counts(&mut self) {
        if self.recorder.0.is_none() {
            return;
        }
        let counters = self.counters();
        let lost = self.tally.lost(&counters, self.kernel.skipped_runs());
        let exits = self.tally.exits(&counters);
        self.recorder.counted(Counted {
            exited: exits.exited,
            killed: exits.killed,
            dumped: exits.dumped,
            lost_deaths: tally::lost_deaths(&counters).total(),
            ring_full: lost.ring_full,
            tasks_full: lost.tasks_full,
            malformed: lost.malformed,
            skipped_runs: lost.skipped_runs,
        });
        self.recorder.flush();
    }

    /// Writes the remaining events and ends the recording.
    pub(super) fn end_recording(&mut self) {
        if self.recorder.0.is_none() {
            return;
        }
        self.drain();
        // So that a replay knows which processes were alive at the end.
        self.take_snapshot();
        thread::sleep(Duration::from_nanos(SETTLE_NS) * 2);
        self.drain();
        self.tell_rest();
        self.record_counts();
        self.recorder
            .write(|text| recording::end(text, kernel::now_ns()));
        self.recorder.flush();
    }
}
