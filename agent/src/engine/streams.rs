//! The followers of `exits`. They share the newest lines, each serialized once; a follower that is
//! too slow for them learns how many it has missed.

use std::collections::VecDeque;

use hyper::body::Bytes;
use tokio::sync::watch;

use crate::memory::Shrinking;
use api::{ExitLine, FinishedExit};

/// Maximum number of lines kept for all followers together, and their size. A follower that reads
/// nothing costs no more than one that reads.
const MAX_LINES: usize = 8192;
const MAX_BYTES: usize = 16 << 20;

/// The loop's end.
#[derive(Debug)]
pub(crate) struct Streams {
    recent: watch::Sender<Recent>,
    max_lines: usize,
    max_bytes: usize,
    /// Where a line is written, before it has its size.
    line: Vec<u8>,
    /// Whether there are lines that followers have not been woken for.
    unannounced: bool,
    shrinking: Shrinking,
}

/// A follower's end.
#[derive(Debug)]
pub struct Lines {
    recent: watch::Receiver<Recent>,
    /// The number of the next line to read.
    next: u64,
}

/// What a follower reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// An [`ExitLine::Exit`] as JSON, with its newline.
    Exit(Bytes),
    /// This many deaths are missing here.
    Lost(u64),
}

/// The newest lines.
#[derive(Debug, Default)]
struct Recent {
    lines: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the first of them; lines are counted from the start of the agent.
    first: u64,
}

impl Default for Streams {
    fn default() -> Self {
        Self::keeping(MAX_LINES, MAX_BYTES)
    }
}

impl Streams {
    /// With these limits for the lines that followers share.
    pub(crate) fn keeping(max_lines: usize, max_bytes: usize) -> Self {
        Self {
            recent: watch::Sender::default(),
            max_lines,
            max_bytes,
            line: Vec::new(),
            unannounced: false,
            shrinking: Shrinking::default(),
        }
    }

    /// A new follower, of deaths from now on.
    pub(crate) fn follow(&self) -> Lines {
        let recent = self.recent.subscribe();
        let next = recent.borrow().end();
        Lines { recent, next }
    }

    /// Whether there are followers. Without them, no line is kept.
    pub(super) fn followed(&mut self) -> bool {
        let followed = self.recent.receiver_count() > 0;
        let lines = self.recent.borrow().lines.len();
        if !followed && lines > 0 {
            self.recent.send_modify(Recent::clear);
            self.shrinking.note(lines);
            self.shrinking.note(0);
        }
        followed
    }

    /// Adds a death for all followers; never blocks. They are woken by `announce`.
    pub(crate) fn send(&mut self, exit: &FinishedExit) {
        self.line.clear();
        exit.write(&mut self.line);
        self.line.push(b'\n');
        self.recent.send_if_modified(|recent| {
            let line = Bytes::copy_from_slice(&self.line);
            recent.push(line, self.max_lines, self.max_bytes);
            false
        });
        self.unannounced = true;
    }

    /// Wakes all followers if there are new lines: once for many, not for each.
    pub(crate) fn announce(&mut self) {
        if std::mem::take(&mut self.unannounced) {
            self.recent.send_modify(|_| ());
        }
    }
}

impl Lines {
    /// The next line; `None` when the agent has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.try_next() {
                return Some(line);
            }
            if self.recent.changed().await.is_err() {
                return self.try_next();
            }
        }
    }

    /// The next line, if there is one already.
    pub fn try_next(&mut self) -> Option<Line> {
        let recent = self.recent.borrow();
        let lost = recent.first.saturating_sub(self.next);
        if lost > 0 {
            self.next = recent.first;
            return Some(Line::Lost(lost));
        }
        let line = recent.lines.get((self.next - recent.first) as usize)?;
        self.next += 1;
        Some(Line::Exit(line.clone()))
    }
}

impl Line {
    /// As it is sent to clients, with its newline.
    pub fn json(self) -> Bytes {
        match self {
            Self::Exit(json) => json,
            Self::Lost(lost) => format!("{{\"lost\":{lost}}}\n").into(),
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// If an exit cannot be read back, which a test rules out.
    pub fn parsed(&self) -> serde_json::Result<ExitLine> {
        match self {
            Self::Exit(json) => serde_json::from_slice(json).map(ExitLine::Exit),
            Self::Lost(lost) => Ok(ExitLine::Lost { lost: *lost }),
        }
    }
}

impl Recent {
    /// Adds a line; the oldest ones make room for it.
    fn push(&mut self, line: Bytes, max_lines: usize, max_bytes: usize) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > max_lines || self.bytes > max_bytes {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
            self.first += 1;
        }
    }

    /// The number of the line that comes next.
    fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn clear(&mut self) {
        *self = Self {
            first: self.end(),
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit() -> FinishedExit {
        serde_json::from_str(
            r#"{"pid":7,"start_time":null,"comm":"x","exit":null,"forker":null,"parent":null,
            "tracer":null,"reaper":null,"how":"unknown","killer":null,"began_at":null,
            "died_at":null,"reaped_at":null,"exit_seconds":null,"zombie_seconds":null,
            "zombie_seconds_is_upper_bound":false,"kill_seconds":null,"container":null,"uid":0,
            "resources":null}"#,
        )
        .expect("an exit")
    }

    fn rest(lines: &mut Lines) -> Vec<Line> {
        std::iter::from_fn(|| lines.try_next()).collect()
    }

    #[test]
    fn a_slow_follower_learns_how_many_it_missed() {
        let mut streams = Streams::default();
        let mut lines = streams.follow();
        for _ in 0..2 {
            streams.send(&exit());
            assert!(matches!(lines.try_next(), Some(Line::Exit(_))));
        }
        for _ in 0..MAX_LINES + 3 {
            streams.send(&exit());
        }
        let rest = rest(&mut lines);
        assert_eq!(rest[0], Line::Lost(3));
        assert_eq!(rest.len(), 1 + MAX_LINES);
        assert!(rest[1..].iter().all(|line| matches!(line, Line::Exit(_))));
        assert_eq!(lines.try_next(), None);
    }

    #[test]
    fn followers_that_never_read_hold_one_copy_of_each_line() {
        let mut streams = Streams::default();
        let mut followers: Vec<_> = (0..64).map(|_| streams.follow()).collect();
        for _ in 0..3 * MAX_LINES {
            streams.send(&exit());
        }
        streams.announce();
        let one = serde_json::to_vec(&exit()).expect("JSON").len() + 1;
        assert_eq!(streams.recent.borrow().bytes, one * MAX_LINES);
        let first = |lines: &mut Lines| {
            assert_eq!(lines.try_next(), Some(Line::Lost(2 * MAX_LINES as u64)));
            match lines.try_next() {
                Some(Line::Exit(json)) => json.as_ptr(),
                other => panic!("{other:?}"),
            }
        };
        let place = first(&mut followers[0]);
        assert!(followers[1..].iter_mut().all(|lines| first(lines) == place));
        drop(followers);
        assert!(!streams.followed());
        assert_eq!(streams.recent.borrow().bytes, 0);
        streams.send(&exit());
        assert_eq!(streams.follow().try_next(), None, "it was before");
    }

    #[test]
    fn long_lines_are_limited_by_their_size() {
        let mut exit = exit();
        exit.comm = "x".repeat(MAX_BYTES / 8);
        let mut streams = Streams::default();
        let mut lines = streams.follow();
        for _ in 0..20 {
            streams.send(&exit);
        }
        assert!(streams.recent.borrow().bytes <= MAX_BYTES);
        assert_eq!(lines.try_next(), Some(Line::Lost(13)));
        assert_eq!(rest(&mut lines).len(), 7);
    }

    #[tokio::test]
    async fn data_sent_before_the_end_is_still_read() {
        let mut streams = Streams::default();
        let mut lines = streams.follow();
        streams.send(&exit());
        drop(streams);
        let line = lines.next().await.expect("one");
        assert!(matches!(line.parsed(), Ok(ExitLine::Exit(exit)) if exit.pid == 7));
        assert_eq!(lines.next().await, None);
    }

    #[test]
    fn a_loss_is_a_line_of_the_stream() {
        let lost = ExitLine::Lost { lost: 7 };
        let json = serde_json::to_string(&lost).expect("JSON");
        assert_eq!(Line::Lost(7).json(), json + "\n");
    }
}
