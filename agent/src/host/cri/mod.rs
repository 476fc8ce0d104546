//! The names of pods and containers from the container runtime, over CRI. I/O, on its own thread,
//! which only sends.
//!
//! It only lists. CRI has no weaker permission: anyone who may use the socket can start a container
//! that is root on the host.

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

/// A runtime to query.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: PathBuf,
}

/// Why it did not answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// The kind of failure.
    pub failure: Failure,
    why: String,
}

/// Requests a new list; dropping it ends the queries.
#[derive(Debug)]
pub struct Asking(mpsc::Sender<()>);

impl Asking {
    /// Requests a list soon; waiting requests are merged.
    pub fn again(&self) {
        // It is full if a request is waiting already.
        let _waits = self.0.try_send(());
    }
}

impl Cri {
    /// The runtime at this socket.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lists now and on request, on its own thread, until the receiver is gone.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn follow(self, send: impl Fn(News) -> bool + Send + 'static) -> anyhow::Result<Asking> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot use the container runtime")?;
        let (asking, asked) = mpsc::channel(1);
        thread::Builder::new()
            .name("reapwatch-cri".to_owned())
            .spawn(move || runtime.block_on(follow::follow(&self.socket, asked, send)))
            .context("cannot start the thread that queries the container runtime")?;
        Ok(Asking(asking))
    }

    /// Lists once, to check whether it answers.
    ///
    /// # Errors
    /// If it does not.
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
