//! Replays a recording: the same input goes into the same lifecycle, and the final state answers
//! the views. Nothing is read from the replaying machine.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    thread,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{
    core::{LIMITS, PARENTS},
    tally::Tally,
};
use crate::{
    api::{self, Culprits, Document, ExitLine, Explained, FinishedExit, Top},
    events::{Event, Key, Process, Snapshot},
    evidence::suspects::YOUNG_NS,
    kernel::Wall,
    lifecycle::{Lifecycle, Record, Transition},
    parents::{Parents, Row},
    recording::{self, Counted, Head, Line},
    report,
    story::{self, Known, Seen, State},
    verdict,
};

/// Deaths that may wait for a view to print them.
const QUEUE: usize = 1024;

/// The state at the end of a recording.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    head: Head,
    lifecycle: Lifecycle,
    parents: Parents,
    tally: Tally,
    counted: Counted,
    /// The clock offset. Without one, times count from boot.
    wall: Option<Wall>,
    snapshot: Option<Snapshot>,
    /// The last result for each judged process.
    judged: HashMap<Key, Option<recording::Verdict>>,
    now_ns: u64,
    is_whole: bool,
    unknown_lines: u64,
}

/// All deaths in a recording, in the order in which they finished; then the stream ends.
///
/// # Errors
/// If the thread cannot be started.
pub fn deaths(path: &Path) -> anyhow::Result<mpsc::Receiver<ExitLine>> {
    let (lines, deaths) = mpsc::channel(QUEUE);
    let path = path.to_owned();
    let told = move |exit| lines.blocking_send(ExitLine::Exit(Box::new(exit))).is_ok();
    let run = move || {
        // The file was read before; this only reports changes since then.
        if let Err(error) = Replay::run(&path, told) {
            log::error!("{error:#}");
        }
    };
    thread::Builder::new()
        .name("reapwatch-replay".to_owned())
        .spawn(run)
        .context("cannot start a thread to replay")?;
    Ok(deaths)
}

impl Replay {
    /// Replays a file to its end.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged; one sentence.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        Self::run(path, |_| true)
    }

    /// Sends each death to `told` as it finishes, until the receiver is gone.
    fn run(path: &Path, mut told: impl FnMut(FinishedExit) -> bool) -> anyhow::Result<Self> {
        let (head, mut lines) = recording::open(path)?;
        let mut replay = Self {
            path: path.to_owned(),
            lifecycle: Lifecycle::new(LIMITS),
            parents: Parents::new(PARENTS, head.began_ns),
            tally: Tally::default(),
            counted: Counted::default(),
            wall: None,
            snapshot: None,
            judged: HashMap::new(),
            now_ns: head.began_ns,
            is_whole: false,
            unknown_lines: 0,
            head,
        };
        let mut tasks = Vec::new();
        let mut changes = Vec::new();
        while let Some(line) = lines.next()? {
            match line {
                // A second recording in the same file would contradict the first.
                Line::Head(_) => anyhow::bail!(
                    "{} holds more than one recording; replay each one separately",
                    path.display()
                ),
                Line::Wall(join) => match &mut replay.wall {
                    Some(wall) => wall.step(join.from_ns, join.offset_ns),
                    None => replay.wall = Some(Wall::from(join.offset_ns)),
                },
                Line::Event(event) => {
                    if let Event::Exec(exec) = &event {
                        replay.parents.exec(exec);
                    }
                    replay.lifecycle.apply(&event, &mut changes);
                }
                Line::Task(task) => tasks.push(*task),
                Line::Snapshot {
                    begun_ns,
                    ended_ns,
                    exact_start,
                } => {
                    let snapshot = Snapshot {
                        begun_ns,
                        ended_ns,
                        exact_start,
                        tasks: std::mem::take(&mut tasks),
                    };
                    replay.lifecycle.reconcile(&snapshot, &mut changes);
                    replay.parents.observe(&snapshot);
                    replay.snapshot = Some(snapshot);
                    replay.passes(ended_ns);
                }
                Line::Expire(now_ns) => {
                    replay.passes(now_ns);
                    replay.lifecycle.expire(now_ns);
                }
                Line::Drained(now_ns) => {
                    replay.passes(now_ns);
                    if !replay.publish(&mut changes, &mut told) {
                        break;
                    }
                }
                Line::Counted(counted) => replay.counted = counted,
                Line::Judged(judged) => {
                    replay.judged.insert(judged.process.key, judged.verdict);
                }
                Line::End(now_ns) => {
                    replay.passes(now_ns);
                    replay.is_whole = true;
                }
            }
        }
        replay.publish(&mut changes, &mut told);
        replay.unknown_lines = lines.unknown;
        Ok(replay)
    }

    fn passes(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Applies changes as the agent's loop does; returns whether the receiver still listens.
    fn publish(
        &mut self,
        changes: &mut Vec<Transition>,
        told: &mut impl FnMut(FinishedExit) -> bool,
    ) -> bool {
        let wall = self.wall();
        changes.drain(..).all(|change| {
            self.tally.change(&change);
            self.parents.apply(&change, &self.lifecycle, self.now_ns);
            match change {
                Transition::Finished(record) => told(report::finished(wall, &record)),
                _ => true,
            }
        })
    }

    fn wall(&self) -> Wall {
        self.wall.unwrap_or(Wall::from(0))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A summary of the recording.
    pub fn about(&self) -> String {
        let at = report::time(self.wall(), self.now_ns);
        let Head { host, kernel, .. } = &self.head;
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
            "replaying {}, recorded on {host}, kernel {kernel}, up to {at}{cut}{unknown}",
            self.path.display()
        )
    }

    /// All zombies, oldest first.
    pub fn zombies(&self) -> Document<api::Zombie> {
        self.document(self.oldest_first())
    }

    /// Processes that held zombies older than the minimum age, worst first.
    pub fn culprits(&self) -> Culprits {
        let rows = self.rows();
        let old = rows
            .iter()
            .filter(|row| row.oldest_ns.is_some_and(|age_ns| age_ns >= YOUNG_NS));
        let mut document = self.document(old.map(|row| self.culprit(row)).collect());
        if !document.items.is_empty() {
            let note = if self.judged.is_empty() {
                "the recording has no evidence for verdicts: an older release made it, or it was \
                 too short"
            } else {
                "these verdicts were made while recording"
            };
            document.notes.push(note.to_owned());
        }
        Culprits {
            document,
            pids: Vec::new(),
        }
    }

    /// One frame of the live view.
    pub fn top(&self) -> Document<Top> {
        let zombies = self.oldest_first();
        let rows = self.rows();
        self.document(vec![Top {
            summary: api::Summary {
                zombies: zombies.len() as u64,
                stuck: 0,
                exits_total: self.counted.exits(),
                reaped_total: self.tally.reaped(self.counted.lost_deaths),
                uptime_seconds: report::seconds(self.now_ns - self.head.began_ns),
                agent_version: self.head.agent.clone(),
            },
            parents: rows
                .iter()
                .map(|row| api::Parent {
                    verdict: self.verdict(&row.process),
                    ..report::parent(self.wall(), row, None)
                })
                .collect(),
            zombies,
            pids: Vec::new(),
        }])
    }

    /// The explanation of one process.
    pub fn explain(&self, pid: u32) -> Explained {
        let known = Known {
            pid,
            now_ns: self.now_ns,
            began_ns: self.head.began_ns,
            remembered_ns: LIMITS.recent_ns,
            records: self.lifecycle.deaths_of(pid),
            snapshot: self.snapshot.as_ref(),
            seen: &Seen::default(),
        };
        let lives = story::lives(&known);
        let rows = self.rows();
        let keeper = |process: &Process, role: &str| {
            self.keeper(&self.parents.row_of(process, &rows, self.now_ns), role)
        };
        let mut story = report::explanation(self.wall(), &known, &lives, keeper);
        story.verdict = lives.first().and_then(|last| match last.state {
            State::Zombie => self.why_unreaped(last.record?),
            State::Alive => story.habits.as_ref()?.habits.verdict.clone(),
            _ => None,
        });
        Explained {
            head: self.head(),
            story,
        }
    }

    /// The last result recorded for a process.
    fn verdict(&self, process: &Process) -> Option<api::Verdict> {
        let of_it = |(key, _): &(&Key, &_)| process.key.is_roughly(**key);
        let (_, verdict) = self.judged.iter().find(of_it)?;
        let verdict = verdict.clone()?;
        Some(api::Verdict {
            id: verdict.id,
            summary: verdict.summary,
            evidence: verdict.evidence,
            remedy: verdict.remedy,
            confidence: verdict.confidence,
        })
    }

    fn why_unreaped(&self, record: &Record) -> Option<api::Verdict> {
        let age_ns = self.now_ns.saturating_sub(record.died.at_ns);
        if age_ns < YOUNG_NS {
            return Some(report::verdict(&verdict::just_died(age_ns)));
        }
        self.verdict(record.responsible()?)
    }

    fn culprit(&self, row: &Row) -> api::Culprit {
        let verdict = self.verdict(&row.process);
        let mut judged = self.judged.keys();
        let no_verdict = if verdict.is_some() {
            None
        } else if judged.any(|key| row.process.key.is_roughly(*key)) {
            Some("no rule matched its behaviour".to_owned())
        } else {
            Some("the recording has no evidence about it".to_owned())
        };
        api::Culprit {
            verdict,
            no_verdict,
            ..report::culprit(self.wall(), row)
        }
    }

    /// How a process treated its dead children.
    fn keeper(&self, row: &Row, role: &str) -> api::Keeper {
        let snapshot = self.snapshot.as_ref();
        let task = snapshot.and_then(|snapshot| snapshot.of(row.process.key));
        // If wait calls are not traced, there is no count.
        let waits = task
            .and_then(|task| task.waits)
            .filter(|waits| waits.last_ns.is_some());
        let habits = self.culprit(row);
        report::keeper(self.wall(), row, role, habits, waits)
    }

    fn rows(&self) -> Vec<Row> {
        self.parents.rows(self.now_ns, self.lifecycle.zombies())
    }

    fn oldest_first(&self) -> Vec<api::Zombie> {
        let zombie = |record: &Record| api::Zombie {
            verdict: self.why_unreaped(record),
            ..report::zombie(self.wall(), self.now_ns, record)
        };
        let records = self.lifecycle.oldest_first();
        records.into_iter().map(zombie).collect()
    }

    fn document<T>(&self, items: Vec<T>) -> Document<T> {
        Document {
            head: self.head(),
            items,
            notes: Vec::new(),
        }
    }

    fn head(&self) -> api::Head {
        api::Head {
            version: api::VERSION,
            host: self.head.host.clone(),
            kernel: self.head.kernel.clone(),
            source: self.head.source.clone(),
            at: report::time(self.wall(), self.now_ns),
            lost_events: self.counted.lost_events(),
        }
    }
}
