//! What a helper thread finds out about processes, one after the other, and for how long the
//! loop waits for it.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use model::events::Key;

/// Where the thread puts it; once nobody waits any more it is closed.
pub(super) type Sender<F> = mpsc::UnboundedSender<(Key, F)>;

/// What has come in time.
#[derive(Debug)]
pub(super) struct Findings<F> {
    found: HashMap<Key, F>,
    /// Closed when the thread has looked at all.
    coming: mpsc::UnboundedReceiver<(Key, F)>,
    deadline: Instant,
}

impl<F> Findings<F> {
    pub(super) fn within(patience: Duration) -> (Sender<F>, Self) {
        let (sender, coming) = mpsc::unbounded_channel();
        let findings = Self {
            found: HashMap::new(),
            coming,
            deadline: Instant::now() + patience,
        };
        (sender, findings)
    }

    /// Resolves when all is there, or the time is over.
    pub(super) async fn are_in(&mut self) {
        loop {
            tokio::select! {
                finding = self.coming.recv() => match finding {
                    Some((key, finding)) => drop(self.found.insert(key, finding)),
                    None => return,
                },
                () = sleep_until(self.deadline) => return,
            }
        }
    }

    pub(super) fn take(&mut self, key: Key) -> Option<F> {
        self.found.remove(&key)
    }
}
