//! Which moment of a recording is shown, and how fast it plays.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::frame::Recorded;
use crate::cli::Moment;

/// How far one key goes.
const SEEK: Duration = Duration::from_secs(10);
const FASTEST: f64 = 1024.0;
const SLOWEST: f64 = 0.125;

/// The position in a recording.
#[derive(Clone, Debug)]
pub struct Player {
    recorded: Recorded,
    at: Duration,
    speed: f64,
}

/// How to move in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// One frame back.
    StepBack,
    /// One frame on.
    Step,
    /// Ten seconds back.
    Back,
    /// Ten seconds on.
    Forward,
    /// Half as fast.
    Slower,
    /// Twice as fast.
    Faster,
}

impl Player {
    /// At a moment of a recording.
    pub fn new(recorded: Recorded, at: Duration) -> Self {
        Self {
            recorded,
            at: at.min(recorded.length),
            speed: 1.0,
        }
    }

    /// Its distance from the start.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Length of the recording.
    pub fn length(&self) -> Duration {
        self.recorded.length
    }

    /// The moment.
    pub fn moment(&self) -> Timestamp {
        let at = SignedDuration::try_from(self.at).unwrap_or_default();
        let moment = Timestamp::from_duration(self.recorded.began.0.as_duration() + at);
        moment.unwrap_or(self.recorded.began.0)
    }

    /// How many seconds of the recording pass in a second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether nothing comes after this moment.
    pub fn is_over(&self) -> bool {
        self.at >= self.recorded.length
    }

    /// Time passes while it plays.
    pub fn pass(&mut self, elapsed: Duration) {
        self.go(self.at.saturating_add(elapsed.mul_f64(self.speed)));
    }

    /// Goes to the start.
    pub fn rewind(&mut self) {
        self.at = Duration::ZERO;
    }

    /// Moves; a frame is this long.
    pub fn shift(&mut self, how: Move, frame: Duration) {
        match how {
            Move::StepBack => self.go(self.at.saturating_sub(frame)),
            Move::Step => self.go(self.at.saturating_add(frame)),
            Move::Back => self.go(self.at.saturating_sub(SEEK)),
            Move::Forward => self.go(self.at.saturating_add(SEEK)),
            Move::Slower => self.speed = (self.speed / 2.0).max(SLOWEST),
            Move::Faster => self.speed = (self.speed * 2.0).min(FASTEST),
        }
    }

    /// Goes to a moment that a person has typed.
    ///
    /// # Errors
    /// If there is no such moment.
    pub fn go_to(&mut self, text: &str) -> Result<(), String> {
        let moment: Moment = text.trim().parse()?;
        self.at = moment.in_recording(self.recorded.began, self.recorded.length)?;
        Ok(())
    }

    fn go(&mut self, at: Duration) {
        self.at = at.min(self.recorded.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Time;

    fn player() -> Player {
        let began = Time("2026-11-29T23:21:43Z".parse().expect("a time"));
        let length = Duration::from_secs(60);
        Player::new(Recorded { began, length }, Duration::ZERO)
    }

    #[test]
    fn a_recording_plays_at_its_speed_and_stops_at_its_end() {
        let mut player = player();
        player.pass(Duration::from_secs(2));
        assert_eq!(player.at(), Duration::from_secs(2));
        player.shift(Move::Faster, Duration::ZERO);
        player.pass(Duration::from_secs(2));
        assert_eq!(player.at(), Duration::from_secs(6));
        player.pass(Duration::from_secs(100));
        assert!(player.is_over());
        assert_eq!(player.at(), player.length());
    }

    #[test]
    fn steps_and_jumps_stay_within_the_recording() {
        let mut player = player();
        let frame = Duration::from_secs(1);
        player.shift(Move::StepBack, frame);
        assert_eq!(player.at(), Duration::ZERO);
        player.shift(Move::Forward, frame);
        player.shift(Move::Step, frame);
        assert_eq!(player.at(), Duration::from_secs(11));
        player.go_to("-5s").expect("it is there");
        player.shift(Move::Forward, frame);
        assert!(player.is_over());
        assert!(player.go_to("2m").is_err(), "it is not that long");
        assert!(player.is_over(), "it stays where it was");
        for _ in 0..20 {
            player.shift(Move::Slower, frame);
        }
        assert_eq!(player.speed().to_string(), "0.125");
    }
}
