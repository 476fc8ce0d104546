//! The container runtime, asked over CRI for the names of pods and containers. I/O, on a thread of
//! its own; it only ever sends.
//!
//! It lists, and asks for nothing else: whoever may use the socket may as well start a container
//! that is root on the host, and no right there is less than all.

mod follow;
mod list;
mod wire;

use std::{
    path::{Path, PathBuf},
    thread,
};

use anyhow::Context as _;
use tokio::{runtime, sync::mpsc};

use model::workload::pods::{Failure, News};

/// A runtime that is asked.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: PathBuf,
}

/// Why it did not answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// In a word.
    pub failure: Failure,
    why: String,
}

/// Has the runtime asked again; once this is dropped, it is asked no more.
#[derive(Debug)]
pub struct Asking(mpsc::Sender<()>);

impl Asking {
    /// Soon; questions that wait are one.
    pub fn again(&self) {
        // It is full when a question waits already.
        let _waits = self.0.try_send(());
    }
}

impl Cri {
    /// The runtime that listens there.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks now and whenever it is said, on a thread of its own, until nobody listens.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn follow(self, tell: impl Fn(News) -> bool + Send + 'static) -> anyhow::Result<Asking> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot ask the container runtime")?;
        let (asking, asked) = mpsc::channel(1);
        thread::Builder::new()
            .name("reapwatch-cri".to_owned())
            .spawn(move || runtime.block_on(follow::follow(&self.socket, asked, tell)))
            .context("cannot start the thread that asks the container runtime")?;
        Ok(Asking(asking))
    }

    /// Asks once, for whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), NoAnswer> {
        list::list(&self.socket).await.map(drop)
    }
}

/// What to do about it.
pub fn fix(failure: Failure) -> &'static str {
    match failure {
        Failure::Forbidden => "run the agent as root, to whom the socket belongs",
        Failure::Disconnected => {
            "start the runtime or name its socket; a pod that has the socket of a runtime which \
             was started anew must be started anew too"
        }
        Failure::Slow => "see why the runtime is slow, as `crictl ps` would be too",
        Failure::Malformed | Failure::Server | Failure::Expired => {
            "name a socket that speaks version 1 of CRI, such as containerd's or CRI-O's"
        }
    }
}
