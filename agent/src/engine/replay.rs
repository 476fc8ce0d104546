//! A recording, replayed: the inputs go into a [`State`] as the loop puts them into its own, and
//! that answers what views ask. Nothing is read from the machine that replays.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::recording_source::{self, Lines};
use api::{ExitLine, FinishedExit};
use model::answers;
use model::clock::Wall;
use model::events::{Event, Snapshot, Task};
use model::explain::Seen;
use model::filter::Selection;
use model::lifecycle::Transition;
use model::recording::{Counted, Line};
use model::state::State;
use model::workload::Workloads;

/// Deaths that wait for a view to print them.
const QUEUE: usize = 1024;

/// A recording at one of its moments; its end, until another one is sought.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    /// Views ask one after the other; to ask changes what is asked about workloads.
    feed: Mutex<Feed>,
    span_ns: [u64; 2],
    began: api::Time,
    is_whole: bool,
    unknown_lines: u64,
}

/// All deaths that finished up to a moment of a recording, which is its end unless given; the stream
/// ends with it.
///
/// # Errors
/// When no thread can be started.
fn deaths(path: &Path, until_ns: u64) -> anyhow::Result<mpsc::Receiver<ExitLine>> {
    let (lines, deaths) = mpsc::channel(QUEUE);
    let path = path.to_owned();
    let send = move |exit| lines.blocking_send(ExitLine::Exit(Box::new(exit))).is_ok();
    let run = move || {
        let replayed = Feed::open(&path).and_then(|mut feed| {
            feed.listener = Some(Listener(Box::new(send)));
            feed.run_until(until_ns)
        });
        // It was read once before: this shows only where it has changed since.
        if let Err(error) = replayed {
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
#[derive(Debug)]
struct Feed {
    path: PathBuf,
    lines: Lines,
    /// The first line that is not due yet.
    next: Option<Line>,
    state: State,
    /// The clocks' distance is known; else times are those since boot.
    has_wall: bool,
    /// It is recorded where processes belong; older releases did not.
    has_places: bool,
    tasks: Vec<Task>,
    changes: Vec<Transition>,
    snapshot: Option<Snapshot>,
    /// When the first snapshot was taken in; before, nothing is known of what was there already.
    ready_ns: Option<u64>,
    /// The last recorded counters. They are recorded once a second; between, deaths are added.
    counted: Counted,
    now_ns: u64,
    is_whole: bool,
    /// Who takes each death as it finishes; none, once nobody does.
    listener: Option<Listener>,
}

/// Returns whether it takes more.
struct Listener(Box<dyn FnMut(FinishedExit) -> bool + Send>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Feed {
    /// At the start of a recording.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let (head, lines) = recording_source::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            lines,
            next: None,
            now_ns: head.began_ns,
            state: State {
                why_unjudged: "the recording has no evidence about it".to_owned(),
                ..State::new(head, Wall::from(0), Workloads::new(false))
            },
            has_wall: false,
            has_places: false,
            tasks: Vec::new(),
            changes: Vec::new(),
            snapshot: None,
            ready_ns: None,
            counted: Counted::default(),
            is_whole: false,
            listener: None,
        })
    }

    /// Takes all lines up to this moment, or up to the end if that comes first.
    fn run_until(&mut self, until_ns: u64) -> anyhow::Result<()> {
        let listens = self.listener.is_some();
        loop {
            let next = match self.next.take() {
                Some(line) => Some(line),
                None => self.lines.next()?,
            };
            let Some(line) = next else {
                self.publish();
                self.state.counted = self.counted;
                break;
            };
            // Of a second recording in the same file nothing before it is true.
            anyhow::ensure!(
                !matches!(line, Line::Head(_)),
                "{} holds more than one recording: replay each by itself",
                self.path.display()
            );
            if line.at_ns().is_some_and(|at_ns| at_ns > until_ns) {
                self.next = Some(line);
                self.pass(until_ns);
                break;
            }
            self.take(line);
            if listens && self.listener.is_none() {
                break;
            }
        }
        self.state.judgements.as_of(self.now_ns);
        Ok(())
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
            Line::Event(event) => {
                self.state.counted.exited += u64::from(matches!(event, Event::Death(_)));
                self.state.apply(&event, &mut self.changes);
            }
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
                self.state.reconcile(snapshot.clone(), &mut self.changes);
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
                if self.snapshot.is_some() {
                    self.ready_ns.get_or_insert(self.now_ns);
                }
            }
            Line::Counted(counted) => {
                // A death may be counted before its record is read; the sum must not go back.
                let ahead = self.state.counted.exits().saturating_sub(counted.exits());
                self.counted = counted;
                self.state.counted = counted;
                self.state.counted.exited += ahead;
            }
            Line::Judged(judged) => {
                let judgements = &mut self.state.judgements;
                judgements.replay(judged.at_ns, judged.process, judged.verdict);
            }
            Line::End(now_ns) => {
                self.pass(now_ns);
                self.is_whole = true;
            }
            Line::Found(answer) => {
                self.has_places = true;
                self.state.workloads.receive(answer, self.now_ns);
            }
        }
    }

    fn pass(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    fn publish(&mut self) {
        for change in self.changes.drain(..) {
            self.state.note(&change, self.now_ns);
            let Transition::Finished(record) = change else {
                continue;
            };
            if let Some(Listener(send)) = &mut self.listener {
                let workloads = &mut self.state.workloads;
                let places = [
                    workloads.container_of_record(&record, self.now_ns),
                    workloads.container_of_parent(&record, self.now_ns),
                ];
                if !send(answers::finished(self.state.wall, &record, places)) {
                    self.listener = None;
                }
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
        let mut feed = Feed::open(path)?;
        feed.run_until(u64::MAX)?;
        let began_ns = feed.ready_ns.unwrap_or(feed.state.about.began_ns);
        Ok(Self {
            path: path.to_owned(),
            span_ns: [began_ns, feed.now_ns],
            began: answers::time(feed.state.wall, began_ns),
            is_whole: feed.is_whole,
            unknown_lines: feed.lines.unknown,
            feed: Mutex::new(feed),
        })
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When it begins.
    pub fn began(&self) -> api::Time {
        self.began
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        let [began_ns, end_ns] = self.span_ns;
        Duration::from_nanos(end_ns.saturating_sub(began_ns))
    }

    /// The moment at this distance from the start, in nanoseconds since boot; from the end on, all
    /// that the file has.
    fn moment_ns(&self, at: Duration) -> u64 {
        if at >= self.length() {
            return u64::MAX;
        }
        self.span_ns[0] + at.as_nanos() as u64
    }

    /// Goes to a moment, by its distance from the start.
    ///
    /// # Errors
    /// When the file can no longer be read.
    pub fn seek(&self, at: Duration) -> anyhow::Result<()> {
        let until_ns = self.moment_ns(at);
        let mut feed = self.feed();
        // What was taken in cannot be taken back.
        if until_ns < feed.now_ns {
            *feed = Feed::open(&self.path)?;
        }
        feed.run_until(until_ns)
    }

    /// All deaths that finished up to the moment it is at.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn deaths(&self) -> anyhow::Result<mpsc::Receiver<ExitLine>> {
        let feed = self.feed();
        let is_at_end = feed.now_ns >= self.span_ns[1];
        deaths(&self.path, if is_at_end { u64::MAX } else { feed.now_ns })
    }

    /// What to know of it before its figures are read.
    pub fn about(&self) -> String {
        let feed = self.feed();
        let head = feed.state.head(feed.now_ns);
        let cut = if self.is_whole {
            ""
        } else {
            "; the file is truncated"
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
        let mut feed = self.feed();
        let now_ns = feed.now_ns;
        feed.state.zombies(wanted, now_ns)
    }

    /// Who held zombies that were not young, the worst first.
    pub fn culprits(&self, wanted: &Selection) -> api::Culprits {
        let mut feed = self.feed();
        let now_ns = feed.now_ns;
        let mut culprits = feed.state.culprits(wanted, now_ns);
        if !culprits.document.items.is_empty() {
            let note = if feed.state.judgements.all().len() == 0 {
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
    pub fn top(&self, wanted: &Selection) -> api::Document<api::Top> {
        let mut feed = self.feed();
        let now_ns = feed.now_ns;
        let mut top = feed.state.top(wanted, now_ns);
        if !feed.has_places {
            // Processes of which nothing is known are not outside of all containers.
            for it in &mut top.items {
                it.workloads.clear();
                it.workloads_total = 0;
            }
        }
        top
    }

    /// The story of one process.
    pub fn explain(&self, pid: u32) -> api::Explained {
        let mut feed = self.feed();
        let Feed {
            state,
            snapshot,
            now_ns,
            ..
        } = &mut *feed;
        let seen = Seen {
            is_recorded: true,
            ..Seen::default()
        };
        state.explain(pid, &seen, snapshot.as_ref(), *now_ns)
    }
}
