//! The followers of `exits`. Each has a bounded queue; what does not fit is counted and reported.

use tokio::sync::mpsc;

use api::ExitLine;
use api::FinishedExit;

/// Maximum number of queued lines per follower.
const QUEUE: usize = 8192;

/// The followers.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Follower>);

#[derive(Debug)]
struct Follower {
    queue: mpsc::Sender<ExitLine>,
    lost: u64,
}

impl Streams {
    /// The receiving end of a new follower.
    pub(super) fn follow(&mut self) -> mpsc::Receiver<ExitLine> {
        let (queue, lines) = mpsc::channel(QUEUE);
        self.0.push(Follower { queue, lost: 0 });
        lines
    }

    /// Whether there are followers; removes those that have gone.
    pub(super) fn followed(&mut self) -> bool {
        self.0.retain(|follower| !follower.queue.is_closed());
        !self.0.is_empty()
    }

    /// Reports lost lines even if no death follows.
    pub(super) fn tell_lost(&mut self) {
        for follower in &mut self.0 {
            follower.tell_lost();
        }
    }

    /// Sends a death to all followers; never blocks.
    pub(super) fn send(&mut self, exit: &FinishedExit) {
        for follower in &mut self.0 {
            follower.tell_lost();
            if follower
                .queue
                .try_send(ExitLine::Exit(Box::new(exit.clone())))
                .is_err()
            {
                follower.lost += 1;
            }
        }
    }
}

impl Follower {
    /// Reports lost lines as soon as there is room.
    fn tell_lost(&mut self) {
        let lost = self.lost;
        if lost > 0 && self.queue.try_send(ExitLine::Lost { lost }).is_ok() {
            self.lost = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit() -> FinishedExit {
        serde_json::from_str(
            r#"{"pid":7,"start_time":null,"comm":"x","exit":null,"forker":null,"parent":null,
            "tracer":null,"reaper":null,"how":"unknown","killer":null,"began_at":null,
            "died_at":null,"reaped_at":null,"exit_seconds":null,"zombie_seconds":null,
            "zombie_seconds_is_upper_bound":false,"kill_seconds":null,"container":null,"uid":0,
            "resources":null}"#,
        )
        .expect("an exit")
    }

    #[test]
    fn a_slow_follower_learns_how_many_it_missed() {
        let mut streams = Streams::default();
        let mut lines = streams.follow();
        for _ in 0..QUEUE + 3 {
            streams.send(&exit());
        }
        for _ in 0..2 {
            assert!(matches!(lines.try_recv(), Ok(ExitLine::Exit(_))));
        }
        streams.send(&exit());
        let rest: Vec<_> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
        let told = rest
            .iter()
            .filter(|line| matches!(line, ExitLine::Lost { lost: 3 }))
            .count();
        assert_eq!(told, 1);
        assert!(matches!(rest.last(), Some(ExitLine::Exit(_))));
    }

    #[test]
    fn lost_lines_are_reported_without_a_further_death() {
        let mut streams = Streams::default();
        let mut lines = streams.follow();
        for _ in 0..=QUEUE {
            streams.send(&exit());
        }
        assert!(lines.try_recv().is_ok());
        streams.tell_lost();
        let last = std::iter::from_fn(|| lines.try_recv().ok()).last();
        assert!(matches!(last, Some(ExitLine::Lost { lost: 1 })));
    }

    #[test]
    fn a_follower_that_went_is_forgotten() {
        let mut streams = Streams::default();
        let lines = streams.follow();
        assert!(streams.followed());
        drop(lines);
        assert!(!streams.followed());
    }
}
