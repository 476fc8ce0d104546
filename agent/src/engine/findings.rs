//! Results of a helper thread that examines processes one by one, and how long the loop waits for
//! them.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use model::events::Key;

/// The thread's end of the channel; closed when nobody waits any more.
pub(super) type Sender<F> = mpsc::UnboundedSender<(Key, F)>;

/// The results that arrived in time.
#[derive(Debug)]
pub(super) struct Findings<F> {
    found: HashMap<Key, F>,
    /// Closed when the thread is done.
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

    /// Resolves when all results are in or the time is up.
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
