//! Rounds: a helper thread examines processes one by one, and the loop waits for its results, but
//! not for long.

use std::{collections::HashMap, future, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};

use model::events::Key;

/// The thread's end of the channel; closed when nobody waits any more.
pub(super) type Sender<F> = mpsc::UnboundedSender<(Key, F)>;

/// The round under way about `S`, with findings `F`.
#[derive(Debug)]
pub(super) struct Rounds<S, F> {
    patience: Duration,
    round: Option<Round<S, F>>,
    /// The last look. It may outlive its round if a file hangs.
    looking: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Round<S, F> {
    about: S,
    found: HashMap<Key, F>,
    /// Closed when the thread is done.
    coming: mpsc::UnboundedReceiver<(Key, F)>,
    deadline: Instant,
}

impl<S, F: Send + 'static> Rounds<S, F> {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            round: None,
            looking: None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.round.is_some()
    }

    /// Begins a round. Without `look`, or while the last one still hangs, nothing is found.
    pub(super) fn begin(
        &mut self,
        about: S,
        look: Option<impl FnOnce(&Sender<F>) + Send + 'static>,
    ) {
        let (found, coming) = mpsc::unbounded_channel();
        self.looking.take_if(|look| look.is_finished());
        if let Some(look) = look.filter(|_| self.looking.is_none()) {
            // By a thread that is there already: when the PID table is full, none can be started.
            self.looking = Some(spawn_blocking(move || look(&found)));
        }
        self.round = Some(Round {
            about,
            found: HashMap::new(),
            coming,
            deadline: Instant::now() + self.patience,
        });
    }

    /// Resolves when the current round is complete or out of time; never without a round.
    pub(super) async fn over(&mut self) {
        let Some(round) = &mut self.round else {
            return future::pending().await;
        };
        loop {
            tokio::select! {
                finding = round.coming.recv() => match finding {
                    Some((key, finding)) => drop(round.found.insert(key, finding)),
                    None => return,
                },
                () = sleep_until(round.deadline) => return,
            }
        }
    }

    /// Ends the round, with the results that arrived in time.
    pub(super) fn end(&mut self) -> Option<(S, HashMap<Key, F>)> {
        let round = self.round.take()?;
        Some((round.about, round.found))
    }
}
