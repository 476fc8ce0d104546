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

use crate::workload::pods::{Failure, News};

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
            .context("cannot use the container runtime")?;
        let (asking, asked) = mpsc::channel(1);
        thread::Builder::new()
            .name("reapwatch-cri".to_owned())
            .spawn(move || runtime.block_on(follow::follow(&self.socket, asked, tell)))
            .context("cannot start the thread that queries the container runtime")?;
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
        Failure::Forbidden => "run the agent as root, which owns the socket",
        Failure::Disconnected => {
            "start the runtime or set the path of its socket; if the runtime was restarted, \
             restart the pod that mounts its socket"
        }
        Failure::Slow => "check why the runtime is slow: `crictl ps` would be slow too",
        Failure::Malformed | Failure::Server | Failure::Expired => {
            "use a socket that speaks version 1 of CRI, such as containerd's or CRI-O's"
        }
    }
}
