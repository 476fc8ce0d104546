//! Lists when a container is unknown, and retries after a failure.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, time};

use super::{NoAnswer, list};
use crate::backoff;
use crate::problem::{self, Problem};
use model::workload::pods::{Failure, News};

/// Minimum time between two lists: kubelet uses the same runtime.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends the runtime's pods until both ends are gone.
pub(super) async fn follow(
    socket: &Path,
    mut asked: mpsc::Receiver<()>,
    send: impl Fn(News) -> bool,
) {
    let mut waits = backoff::retry_delays();
    let problem = Problem::new();
    loop {
        match list::list(socket).await {
            Ok(pods) => {
                waits = backoff::retry_delays();
                if problem.note(None, Instant::now()) == Some(problem::News::Ended) {
                    log::info!("the container runtime answers again");
                }
                if !(send(News::All(pods)) && send(News::Up)) {
                    return;
                }
                time::sleep(PAUSE).await;
                if asked.recv().await.is_none() {
                    return;
                }
            }
            Err(NoAnswer { failure, why }) => {
                if problem.note(Some(failure), Instant::now()).is_some() {
                    log_failure(socket, failure, &why);
                }
                if !send(News::Failed(failure)) {
                    return;
                }
                time::sleep(waits.next().unwrap_or(backoff::LONGEST)).await;
            }
        }
    }
}

fn log_failure(socket: &Path, failure: Failure, why: &str) {
    log::warn!(
        "container runtime at {}: lookup failed ({why}); retrying: {}",
        socket.display(),
        super::fix(failure)
    );
}
