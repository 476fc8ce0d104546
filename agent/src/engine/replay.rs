//! A recording, replayed: the inputs go into a [`State`] as the loop puts them into its own, and
//! that answers what views ask. Nothing is read from the machine that replays.

mod about;
mod feed;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::scrape;
use super::settings::STALE_AFTER;
use super::stuck::THRESHOLD;
use crate::metrics::{Page, Sample};
use api::ExitLine;
use feed::{Feed, NO_EVIDENCE};
use model::answers;
use model::explain::Seen;
use model::filter::Selection;
use model::recording::Counted;
use model::state::Looked;

/// Deaths that wait for a view to print them.
const QUEUE: usize = 1024;
/// Said of verdicts that are not of the moment that is shown.
const RECORDED: &str = "these verdicts were made while recording";

/// A recording at one of its moments; its end, until another one is sought.
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
            feed.listener = Some(Box::new(send));
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

/// Those who were exiting for so long, or ignored a signal, with what rounds have found of them.
fn stuck(feed: &mut Feed, threshold: Duration) -> api::Document<api::Stuck> {
    let (suspects, now_ns) = (feed.suspects(threshold), feed.now_ns);
    let found = &feed.stuck;
    let known = |key| match found.get(&key) {
        Some(why) => Looked::Recorded(Box::new(why.clone())),
        None => Looked::Unknown(NO_EVIDENCE),
    };
    let is_recorded = suspects
        .iter()
        .any(|it| found.contains_key(&it.process.key));
    let mut stuck = feed.state.stuck_exits(&suspects, known, now_ns);
    if is_recorded && !stuck.items.is_empty() {
        stuck.notes.push(RECORDED.to_owned());
    }
    stuck
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replay").field(&self.path).finish()
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
                RECORDED
            };
            culprits.document.notes.push(note.to_owned());
        }
        culprits
    }

    /// One frame of the live view.
    pub fn top(&self, wanted: &Selection) -> api::Document<api::Top> {
        let mut feed = self.feed();
        let now_ns = feed.now_ns;
        let stuck = stuck(&mut feed, THRESHOLD).items;
        let unheard = stuck.iter().filter(|it| it.ignored.is_some()).count();
        feed.state.unheard = unheard as u64;
        feed.state.stuck = (stuck.len() - unheard) as u64;
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

    /// What the processes of a workload did.
    pub fn workload(&self, cgroup: Option<&str>) -> api::WorkloadHabits {
        let mut feed = self.feed();
        let now_ns = feed.now_ns;
        feed.state.workload(cgroup, now_ns)
    }

    /// Who was exiting for so long, or ignored a signal.
    pub fn stuck(&self, threshold: Duration) -> api::Document<api::Stuck> {
        stuck(&mut self.feed(), threshold)
    }

    /// What is known of the agent that made it.
    pub fn doctor(&self) -> api::Doctor {
        about::doctor(&self.feed(), self.began, self.is_whole, self.unknown_lines)
    }

    /// The metrics page, with what a recording knows.
    pub fn metrics(&self) -> Page {
        let mut feed = self.feed();
        let mut stuck = feed.suspects(THRESHOLD);
        stuck.retain(|it| it.unheard.is_none());
        let Feed {
            state,
            deaths,
            tally,
            counted,
            now_ns,
            ..
        } = &mut *feed;
        // Each death up to this moment counts, although later lines may name its workload.
        deaths.publish_rest(state, *now_ns);
        let lost_exits = counted.unwrap_or_default().lost_exits();
        let mut sample = scrape::sample(state, &stuck, STALE_AFTER, *now_ns);
        // An older release recorded no verdicts.
        if !state.all_are_judged(1, *now_ns) {
            sample.verdicts.clear();
        }
        deaths.metrics.scrape(Sample {
            is_recorded: true,
            lost_exits,
            lost_reaps: state.tally.lost_reaps(lost_exits.total()),
            lost: counted.as_ref().map(Counted::lost),
            events: tally.events,
            ..sample
        })
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
        let mut explained = state.explain(pid, &seen, snapshot.as_ref(), *now_ns);
        if explained.story.may_be_stuck() {
            let items = stuck(&mut feed, Duration::ZERO).items;
            explained.story.add_stuck(items);
        }
        explained
    }
}
