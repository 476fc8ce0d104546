//! The error of `zombie_seconds`, next to the noise of the machine's scheduling, which limits what
//! any program can know.
//!
//! A truth is an interval: its processes stamp before and after what they do, and may be preempted
//! between. So two figures measure the machine's noise during the same run: by how much the
//! truth is uncertain, and how late a sleeping thread wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use scenarios::Truth;

use crate::compare::{is_same_process, seconds};
use api::FinishedExit;

const SLEEP: Duration = Duration::from_millis(5);
/// The rounding error of seconds as f64.
const ROUNDING: f64 = 1e-9;

/// A thread that sleeps again and again.
#[derive(Debug)]
pub(crate) struct Sleeper {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Sleeper {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            let mut late = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                sleep(SLEEP);
                late.push((begin.elapsed().saturating_sub(SLEEP)).as_secs_f64());
            }
            late
        });
        Self { stop, thread }
    }

    /// How many seconds late it woke, each time.
    pub(crate) fn lateness(self) -> Vec<f64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only sleeps")
    }
}

/// The figures, of all deaths with exact `zombie_seconds`.
pub(crate) fn figures(lines: &[FinishedExit], truths: &[Truth], lateness: Vec<f64>) -> String {
    let mut outside = Vec::new();
    let mut open = Vec::new();
    for truth in truths {
        let Some(line) = lines.iter().find(|line| is_same_process(line, truth)) else {
            continue;
        };
        let (Some(zombie), Some(reaped)) = (line.zombie_seconds, truth.reaped_at) else {
            continue;
        };
        if line.zombie_seconds_is_upper_bound || reaped == truth.died_at {
            continue;
        }
        let least = seconds(reaped.not_before_ns, truth.died_at.not_after_ns);
        let most = seconds(reaped.not_after_ns, truth.died_at.not_before_ns);
        outside.push((least - zombie.0).max(zombie.0 - most).max(0.0));
        open.push(most - least);
    }
    let judged = outside.len();
    let off = outside.iter().filter(|&&by| by > ROUNDING).count();
    format!(
        "zombie_seconds of {judged} deaths, {off} outside the truth, by {}; \
         the truth is open by {}; a sleeping thread woke late by {}",
        median_and_most(outside),
        median_and_most(open),
        median_and_most(lateness),
    )
}

fn median_and_most(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).map_or(0.0, |seconds| seconds * 1e6);
    let (median, most) = (at(values.len() / 2), at(values.len().saturating_sub(1)));
    format!("{median:.0} µs (at most {most:.0})")
}
