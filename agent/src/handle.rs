//! How other tasks talk to the agent's loop: requests in, snapshots out. The loop owns all state
//! and shares none.

use std::{thread, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

use crate::engine::streams::Lines;
use crate::host::process;
use crate::metrics;
use crate::problem::Problem;
use api::{Culprits, Doctor, Document, Explained, Stuck, Top, WorkloadHabits, Zombie};
use model::events::Key;
use model::explain::Seen;
use model::filter::Selection;
use model::state::ListedZombies;

/// How long reading /proc for one PID may take.
const LOOK: Duration = Duration::from_secs(1);
/// How many rows of zombies the loop makes before it does something else.
const ROWS_AT_ONCE: usize = 1024;
/// How long an explanation may take; after that it is sent without the facts of `stuck`. A server
/// waits slightly longer.
const EXPLANATION: Duration = Duration::from_secs(4);

static PROBLEM: Problem = Problem::new();

/// Whether the agent works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The probes are attached and the first snapshot is done.
    pub ready: bool,
}

/// Requests to the loop; each answer goes to the enclosed sender.
#[derive(Debug)]
pub enum Request {
    /// Which zombies there are.
    Zombies(Selection, oneshot::Sender<ListedZombies>),
    /// The rows of those of them that are still there.
    ZombieRows(Vec<Key>, oneshot::Sender<Vec<Zombie>>),
    /// Processes that do not reap, and why.
    Culprits(Selection, oneshot::Sender<Culprits>),
    /// The explanation of the process with this PID, with what /proc shows of it.
    Explain(u32, Seen, oneshot::Sender<Explained>),
    /// Processes that have been exiting for longer than this, and why.
    Stuck(Duration, oneshot::Sender<Document<Stuck>>),
    /// One frame of the live view; the document has one item.
    Top(Selection, oneshot::Sender<Document<Top>>),
    /// What the processes of the workload with this cgroup did.
    Workload(Option<String>, oneshot::Sender<WorkloadHabits>),
    /// What this host allows.
    Doctor(oneshot::Sender<Doctor>),
    /// The metrics page, to be written off the loop.
    Metrics(oneshot::Sender<metrics::Page>),
    /// Whether the loop is running.
    Health(oneshot::Sender<Health>),
    /// Finished deaths from now on.
    Follow(oneshot::Sender<Lines>),
}

/// The loop has ended and no longer answers.
#[derive(Debug, thiserror::Error)]
#[error("the agent has stopped")]
pub struct Stopped;

/// A clonable end of the loop's request queue.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
}

impl Handle {
    /// A handle and the queue that the loop reads.
    pub fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, queue) = mpsc::channel(64);
        (Self { requests }, queue)
    }

    /// Sends a request and waits for the answer: `handle.ask(Request::Doctor).await`.
    ///
    /// # Errors
    /// If the loop has ended.
    pub async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopped> {
        let (answer, receiver) = oneshot::channel();
        self.requests
            .send(request(answer))
            .await
            .map_err(|_| Stopped)?;
        receiver.await.map_err(|_| Stopped)
    }

    /// All zombies that are wanted.
    ///
    /// # Errors
    /// If the loop has ended.
    pub async fn zombies(&self, wanted: Selection) -> Result<Document<Zombie>, Stopped> {
        let asked = self.ask(|to| Request::Zombies(wanted, to));
        let ListedZombies { document, chosen } = asked.await?;
        let mut items = Vec::new();
        for keys in chosen.in_order().chunks(ROWS_AT_ONCE) {
            let rows = self.ask(|to| Request::ZombieRows(keys.to_vec(), to));
            items.extend(rows.await?);
        }
        Ok(Document { items, ..document })
    }

    /// The explanation of the process with this PID. Its files are read on a separate thread, so
    /// that the loop does not wait.
    ///
    /// # Errors
    /// If the loop has ended.
    pub async fn explain(&self, pid: u32) -> Result<Explained, Stopped> {
        let until = Instant::now() + EXPLANATION;
        let (found, seen) = oneshot::channel();
        let look = thread::Builder::new().name("reapwatch-look".to_owned());
        let started = look.spawn(move || drop(found.send(process::at(pid))));
        // Without it, `seen` ends at once.
        let _logged = PROBLEM.check("cannot start the thread that reads a process", started);
        let seen = timeout(LOOK, seen).await.ok().and_then(Result::ok);
        let mut explained = self
            .ask(|to| Request::Explain(pid, seen.unwrap_or_default(), to))
            .await?;
        if explained.story.may_be_stuck() {
            let stuck = self.ask(|to| Request::Stuck(Duration::ZERO, to));
            if let Ok(stuck) = timeout_at(until, stuck).await {
                explained.story.add_stuck(stuck?.items);
            }
        }
        Ok(explained)
    }
}
