//! A recording, replayed: the inputs go into a [`State`] as the loop puts them into its own, and
//! that answers what views ask. Nothing is read from the machine that replays.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::recording_source;
use api::{ExitLine, FinishedExit};
use model::answers;
use model::clock::Wall;
use model::events::Snapshot;
use model::explain::Seen;
use model::filter::Selection;
use model::lifecycle::Transition;
use model::recording::Line;
use model::state::State;
use model::workload::Workloads;

/// Deaths that wait for a view to print them.
const QUEUE: usize = 1024;

/// The state at the end of a recording.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    /// Views ask one after the other; to ask changes what is asked about workloads.
    state: Mutex<State>,
    snapshot: Option<Snapshot>,
    now_ns: u64,
    is_whole: bool,
    unknown_lines: u64,
}

/// All deaths that a recording holds, as they finished; the stream ends with it.
///
/// # Errors
/// When no thread can be started.
pub fn deaths(path: &Path) -> anyhow::Result<mpsc::Receiver<ExitLine>> {
    let (lines, deaths) = mpsc::channel(QUEUE);
    let path = path.to_owned();
    let send = move |exit| lines.blocking_send(ExitLine::Exit(Box::new(exit))).is_ok();
    let run = move || {
        // It was read once before: this shows only where it has changed since.
        if let Err(error) = Feed::run(&path, send) {
            log::error!("{error:#}");
        }
    };
    thread::Builder::new()
        .name("reapwatch-replay".to_owned())
        .spawn(run)
        .context("cannot start a thread to replay")?;
    Ok(deaths)
}

/// Feeds the lines of a recording to a state.
struct Feed<F> {
    state: State,
    /// The clocks' distance is known; else times are those since boot.
    has_wall: bool,
    tasks: Vec<model::events::Task>,
    changes: Vec<Transition>,
    snapshot: Option<Snapshot>,
    now_ns: u64,
    is_whole: bool,
    send: F,
    /// Somebody listens to `send`.
    heard: bool,
}

impl<F: FnMut(FinishedExit) -> bool> Feed<F> {
    /// Sends each death as it finishes, for as long as somebody listens.
    fn run(path: &Path, send: F) -> anyhow::Result<Replay> {
        let (head, mut lines) = recording_source::open(path)?;
        let mut feed = Self {
            now_ns: head.began_ns,
            state: State {
                why_unjudged: "the recording has no evidence about it".to_owned(),
                ..State::new(head, Wall::from(0), Workloads::new(false))
            },
            has_wall: false,
            tasks: Vec::new(),
            changes: Vec::new(),
            snapshot: None,
            is_whole: false,
            send,
            heard: true,
        };
        while feed.heard
            && let Some(line) = lines.next()?
        {
            // Of a second recording in the same file nothing before it is true.
            anyhow::ensure!(
                !matches!(line, Line::Head(_)),
                "{} holds more than one recording: replay each by itself",
                path.display()
            );
            feed.take(line);
        }
        feed.publish();
        feed.state.judgements.as_of(feed.now_ns);
        Ok(Replay {
            path: path.to_owned(),
            state: Mutex::new(feed.state),
            snapshot: feed.snapshot,
            now_ns: feed.now_ns,
            is_whole: feed.is_whole,
            unknown_lines: lines.unknown,
        })
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Head(_) => {}
            Line::Wall(join) if self.has_wall => {
                self.state.wall.step(join.from_ns, join.offset_ns);
            }
            Line::Wall(join) => {
                self.state.wall = Wall::from(join.offset_ns);
                self.has_wall = true;
            }
            Line::Event(event) => self.state.apply(&event, &mut self.changes),
            Line::Task(task) => self.tasks.push(*task),
            Line::Snapshot {
                begun_ns,
                ended_ns,
                exact_start,
            } => {
                let snapshot = Snapshot {
                    begun_ns,
                    ended_ns,
                    exact_start,
                    tasks: std::mem::take(&mut self.tasks).into(),
                };
                self.state.reconcile(&snapshot, &mut self.changes);
                self.state.observe(&snapshot);
                self.snapshot = Some(snapshot);
                self.pass(ended_ns);
            }
            Line::Expire(now_ns) => {
                self.pass(now_ns);
                self.state.tick(now_ns);
            }
            Line::Drained(now_ns) => {
                self.pass(now_ns);
                self.publish();
            }
            Line::Counted(counted) => self.state.counted = counted,
            Line::Judged(judged) => {
                let judgements = &mut self.state.judgements;
                judgements.replay(judged.at_ns, judged.process, judged.verdict);
            }
            Line::End(now_ns) => {
                self.pass(now_ns);
                self.is_whole = true;
            }
        }
    }

    fn pass(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    fn publish(&mut self) {
        for change in self.changes.drain(..) {
            self.state.note(&change, self.now_ns);
            if let Transition::Finished(record) = change
                && self.heard
            {
                let exit = answers::finished(self.state.wall, &record, [None, None]);
                self.heard = (self.send)(exit);
            }
        }
    }
}

impl Replay {
    /// Replays a file to its end.
    ///
    /// # Errors
    /// When it cannot be read or is damaged; one sentence.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        Feed::run(path, |_| true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to know of it before its figures are read.
    pub fn about(&self) -> String {
        let head = self.state().head(self.now_ns);
        let cut = if self.is_whole {
            ""
        } else {
            "; the file is truncated there"
        };
        let unknown = match self.unknown_lines {
            0 => String::new(),
            lines => format!("; {lines} lines from a newer release were skipped"),
        };
        format!(
            "replaying {}, recorded on {}, kernel {}, up to {}{cut}{unknown}",
            self.path.display(),
            head.host,
            head.kernel,
            head.at
        )
    }

    /// Who was dead and unreaped, oldest first.
    pub fn zombies(&self, wanted: &Selection) -> api::Document<api::Zombie> {
        self.state().zombies(wanted, self.now_ns)
    }

    /// Who held zombies that were not young, the worst first.
    pub fn culprits(&self, wanted: &Selection) -> api::Culprits {
        let mut state = self.state();
        let mut culprits = state.culprits(wanted, self.now_ns);
        if !culprits.document.items.is_empty() {
            let note = if state.judgements.all().len() == 0 {
                "the recording has no evidence for verdicts: an older release made it, or it was \
                 too short"
            } else {
                "these verdicts were made while recording"
            };
            culprits.document.notes.push(note.to_owned());
        }
        culprits
    }

    /// One frame of the live view.
    pub fn top(&self, limit: usize) -> api::Document<api::Top> {
        self.state().top(limit, self.now_ns)
    }

    /// The story of one process.
    pub fn explain(&self, pid: u32) -> api::Explained {
        let snapshot = self.snapshot.as_ref();
        self.state()
            .explain(pid, &Seen::default(), snapshot, self.now_ns)
    }
}
