//! How everybody else talks to the agent's loop: requests in, snapshots out. The loop owns all
//! state; nobody shares it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::api::{Culprit, Doctor, Document, ExitLine, Stuck, Top, Zombie};

/// Whether the agent does its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The probes are attached and the first reconcile is done.
    pub ready: bool,
}

/// What can be asked of the loop; each answer goes to the enclosed sender.
#[derive(Debug)]
pub enum Request {
    /// Who is dead and unreaped.
    Zombies(oneshot::Sender<Document<Zombie>>),
    /// Who does not reap, and why.
    Culprits(oneshot::Sender<Document<Culprit>>),
    /// Who is on its way out for longer than this, and why.
    Stuck(Duration, oneshot::Sender<Document<Stuck>>),
    /// One frame of the live view; the document has one item.
    Top(oneshot::Sender<Document<Top>>),
    /// What this host allows.
    Doctor(oneshot::Sender<Doctor>),
    /// The page for Prometheus.
    Metrics(oneshot::Sender<String>),
    /// Whether the loop beats.
    Health(oneshot::Sender<Health>),
    /// Finished deaths from now on.
    Follow(oneshot::Sender<mpsc::Receiver<ExitLine>>),
}

/// The loop has ended and answers no more.
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

    /// Asks and waits for the answer: `handle.ask(Request::Zombies).await`.
    ///
    /// # Errors
    /// When the loop has ended.
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
}
