//! All ways to die under one agent, one line of verdict each: what `cargo xtask vm` runs on every
//! kernel with every kind of hook.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use scenarios::cases::SCENARIOS;
use scenarios::truth::{Lack, SentBy, Truth};

use crate::agent::Agent;
use crate::deaths::{compare, compare_all};
use crate::noise::{Sleeper, figures};
use crate::scenario;
use crate::stream::Stream;

/// Its zombies stay while the program runs, which here is very short.
const NOT_JUDGED: &str = "never_reaped";
/// How often a scenario that lost an event is repeated.
const FURTHER_TRIES: usize = 3;

/// First all deaths, then all verdicts: the waiting for late lines is shared.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn every_death_is_reported_correctly() {
    let agent = Agent::start(&[]);
    let source = agent.zombies().head.source;
    let by_tracepoints = agent.by_tracepoints();
    let mut verdicts = Verdicts::default();
    let forced = std::env::var("REAPWATCH_TEST_HOOK");
    verdicts.judge(
        "source",
        match forced {
            Ok(hook) if hook != source.as_str() => {
                Err(format!("{hook} was forced, {source} is in use"))
            }
            _ => Ok(()),
        },
    );
    verdicts.of("direct_loads", || loads_directly(&agent));
    let mut stream = Stream::of(&agent);
    let sleeper = Sleeper::start();
    let names = SCENARIOS.iter().map(|scenario| scenario.name);
    let deaths: Vec<_> = names
        .filter(|name| *name != NOT_JUDGED)
        .map(|name| (name, attempt(|| scenario::try_run(name))))
        .collect();
    let lateness = sleeper.lateness();
    let ran = deaths.iter().filter_map(|(_, ran)| ran.as_ref().ok());
    let all: Vec<_> = ran.flatten().flatten().cloned().collect();
    // A missing line is reported with its scenario.
    let begun = Instant::now();
    let lines = attempt(|| stream.collect_all(&all));
    let lines = lines.unwrap_or_else(|_missing| stream.collect_where(|_| true));
    let waited = begun.elapsed().as_secs();
    for (name, ran) in deaths {
        match ran {
            Err(why) => verdicts.judge(name, Err(why)),
            Ok(Err(lack)) => Verdicts::skip(&lack),
            Ok(Ok(truths)) => {
                let result = attempt(|| compare(&lines, &truths, by_tracepoints));
                let result = result.or_else(|why| made_again(&agent, &mut stream, &truths, why));
                verdicts.judge(name, result);
            }
        }
    }
    let figures = figures(&lines, &all, lateness);
    println!("\nRW-NOISE {figures}; the last line came {waited} s after the last death");
    assert_eq!(stream.lost, 0, "the stream kept up");
    verdicts.end();
}

/// Fields are loaded through typed pointers, for all kinds of hooks: slow reads are only for kernels
/// that know no such pointer.
fn loads_directly(agent: &Agent) {
    let doctor = agent.doctor();
    let loads = doctor.probes.iter().find(|it| it.probe == "direct_loads");
    let loads = loads.expect("doctor has a row for it");
    let is_old = doctor.kernel.starts_with("5.10.");
    assert_eq!(loads.hook.is_some(), !is_old, "{:?}", loads.refused);
}

/// The verdict of further tries at the deaths of one scenario, the first of which failed.
pub(crate) fn made_again(
    agent: &Agent,
    stream: &mut Stream,
    truths: &[Truth],
    why: String,
) -> Result<(), String> {
    let by_tracepoints = agent.by_tracepoints();
    // On this machine, these hooks may have missed one of them, which nothing counts.
    let unseen = by_timer(truths) && probes_miss_init() || by_tracepoints && by_stranger(truths);
    let Some(Truth { name, .. }) = truths.first() else {
        return Err(why);
    };
    again(agent, name, unseen, why, || {
        compare_all(stream, &scenario::run(name), by_tracepoints);
    })
}

/// Whether one of them was killed by a timer, which the kernel sends in the context of any process.
fn by_timer(truths: &[Truth]) -> bool {
    let mut killers = truths.iter().filter_map(|truth| truth.killer);
    killers.any(|killer| killer.by == SentBy::Timer)
}

/// Whether one of them was reaped by a process that is not ours. Tracepoints see the end of its
/// call, which a preemption delays, for a time that was not measured.
fn by_stranger(truths: &[Truth]) -> bool {
    let mut reapers = truths.iter().filter_map(|truth| truth.reaper);
    reapers.any(|reaper| reaper.tid.is_none())
}

/// Whether this machine hides its PID 1 even from root. The kernel of such a sandbox runs no
/// probes in it either (seen on 6.18: of 7,520 alarms just the 35 that interrupted PID 1 had no
/// killer), and nothing counts what they miss.
fn probes_miss_init() -> bool {
    fs::read_link("/proc/1/exe").is_err()
}

/// The verdict of further tries, each only where events may have been lost in the one before:
/// where the agent reports it, or where a try met what it cannot see (`unseen`). Linux 7 skips a
/// run of a program if another run of it was preempted on the same CPU: then a death lacks what
/// that run would have shown, and the agent counts it. Emulated processors are slow enough for that.
pub(crate) fn again(
    agent: &Agent,
    name: &str,
    unseen: bool,
    mut why: String,
    mut judge: impl FnMut(),
) -> Result<(), String> {
    let mut lost_before = 0;
    for _ in 0..FURTHER_TRIES {
        let lost = agent.zombies().head.lost_events;
        if lost == lost_before && !unseen {
            break;
        }
        lost_before = lost;
        println!("\nRW-NOISE {lost} events lost, {name} once more, which was: {why}");
        match attempt(&mut judge) {
            Ok(()) => return Ok(()),
            Err(this_time) => why = this_time,
        }
    }
    Err(why)
}

/// Prints each verdict in a line, and counts.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    failed: usize,
}

impl Verdicts {
    /// Prints the result of the work.
    pub(crate) fn of(&mut self, name: &str, work: impl FnOnce()) {
        self.judge(name, attempt(work));
    }

    /// Prints one that is known already.
    pub(crate) fn judge(&mut self, name: &str, verdict: Result<(), String>) {
        let verdict = verdict.map_or_else(|why| format!("FAIL {why}"), |()| "ok".to_owned());
        self.failed += usize::from(verdict != "ok");
        println!("\nRW-TEST {name} {verdict}");
    }

    /// Prints what this machine lacks for a test.
    pub(crate) fn skip(Lack { name, lacks }: &Lack) {
        println!("\nRW-TEST {name} skip {lacks}");
    }

    /// Panics if any failed.
    pub(crate) fn end(self) {
        assert_eq!(self.failed, 0, "see the lines above");
    }
}

/// The result of `work`, or its panic message in one line.
pub(crate) fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| one_line(&*panic))
}

fn one_line(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let lines = text.unwrap_or("a panic without words").lines();
    let words: Vec<_> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    words.join(" ").chars().take(2_000).collect()
}
