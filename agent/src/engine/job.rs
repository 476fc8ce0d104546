//! Work on a helper thread. The loop starts it and takes its result when it comes.

use std::future;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::problem::Problem;

static PROBLEM: Problem = Problem::new();

/// At most one piece of work at a time.
#[derive(Debug)]
pub(super) struct Job<T>(Option<JoinHandle<T>>);

impl<T> Default for Job<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Job<T> {
    pub(super) fn is_running(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn start(&mut self, work: impl FnOnce() -> T + Send + 'static) {
        self.0 = Some(spawn_blocking(work));
    }

    /// The result when it comes, `None` after a panic; never resolves if nothing is running.
    pub(super) async fn done(&mut self) -> Option<T> {
        let Some(running) = &mut self.0 else {
            return future::pending().await;
        };
        let result = running.await;
        self.0 = None;
        PROBLEM.check("a helper thread failed", result).ok()
    }
}
