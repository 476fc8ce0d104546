//! A wall clock that is stepped and a machine that is suspended: every moment is shown as the
//! wall clock had it then, and nothing that was measured changes. One line of verdict each.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use scenarios::clock::now_ns;
use scenarios::truth::{Lack, Truth};

use crate::agent::Agent;
use crate::api::{FinishedExit, Process, Zombie};
use crate::compare::seconds;
use crate::row::Verdicts;
use crate::scenario::{self, Leak};
use crate::stream::Stream;

const HOUR: i64 = 3600;
/// Every figure is rounded to f64.
const ROUNDING: f64 = 1e-6;
/// How long the machine sleeps.
const ASLEEP: u64 = 3;
const ALARM: &str = "/sys/class/rtc/rtc0/wakealarm";

#[test]
#[ignore = "needs a virtual machine of its own: it steps the clock and suspends the machine"]
fn a_stepped_clock_and_a_suspension_change_nothing_that_was() {
    let agent = Agent::start(&[]);
    let mut stream = Stream::of(&agent);
    let leak = Leak::start(3);
    let mut verdicts = Verdicts::default();
    let first = known(&agent, &leak);
    verdicts.of("clock_untouched", || dies_now(&mut stream));
    for (name, hours) in [("clock_forward", 1), ("clock_back", -2)] {
        verdicts.of(name, || {
            step_clock(hours * HOUR);
            // An answer follows the clock, and so does the agent by itself, some moments later.
            assert_eq!(known(&agent, &leak), first, "known by another time");
            dies_now(&mut stream);
        });
    }
    match suspend() {
        Err(error) => Verdicts::skip(&Lack {
            name: "suspended".to_owned(),
            lacks: format!("suspension to idle with an alarm ({error})"),
        }),
        Ok(()) => verdicts.of("suspended", || {
            assert_eq!(known(&agent, &leak), first, "known by another time");
            ages_over_a_suspension(&agent, &leak);
            dies_now(&mut stream);
        }),
    }
    verdicts.of("clock_identity", || {
        let pids: Vec<_> = leak
            .truths
            .iter()
            .map(|it| (it.pid, it.comm.clone()))
            .collect();
        drop(leak);
        for (dead, (pid, comm)) in first.iter().zip(&pids) {
            let line = stream.line_of(*pid, comm);
            let told = (line.pid, line.start_time, line.died_at);
            assert_eq!(
                told,
                (dead.pid, dead.start_time.clone(), dead.died_at.clone())
            );
        }
    });
    verdicts.end();
}

/// What a zombie and its parent are known by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    pid: u32,
    start_time: Option<String>,
    died_at: Option<String>,
    parent: Option<Process>,
}

fn known(agent: &Agent, leak: &Leak) -> Vec<Known> {
    let zombies = ours(agent, leak);
    let known = zombies.into_iter().map(|zombie| Known {
        pid: zombie.pid,
        start_time: zombie.start_time,
        died_at: zombie.died_at,
        parent: zombie.parent,
    });
    known.collect()
}

/// The zombies of the leak, in its order.
fn ours(agent: &Agent, leak: &Leak) -> Vec<Zombie> {
    let zombies = agent.zombies().items;
    let of = |truth: &Truth| zombies.iter().find(|it| it.pid == truth.pid).cloned();
    let found: Option<Vec<_>> = leak.truths.iter().map(of).collect();
    found.expect("the agent knows the zombies")
}

/// A death of this moment stands at this moment's time, and took as long as it did.
fn dies_now(stream: &mut Stream) {
    let before = SystemTime::now();
    let truth = scenario::run("reaped_100ms").remove(0);
    let after = SystemTime::now();
    let line = stream.line_of(truth.pid, &truth.comm);
    let context = format!("{before:?} {after:?}\n{truth:#?}\n{line:#?}");
    let FinishedExit {
        start_time,
        died_at,
        reaped_at,
        ..
    } = &line;
    for at in [start_time, died_at, reaped_at] {
        let at = at.as_deref().expect("all is known");
        let at = humantime::parse_rfc3339(at).expect("a time");
        assert!((before..=after).contains(&at), "not now\n{context}");
    }
    let reaped = truth.reaped_at.expect("it was reaped");
    let least = seconds(reaped.not_before_ns, truth.died_at.not_after_ns);
    let took = line.zombie_seconds.expect("known");
    assert!(took >= least - ROUNDING, "{context}");
    assert!(took < 60.0, "an hour came in\n{context}");
}

/// Zombies of before the suspension are older by it.
fn ages_over_a_suspension(agent: &Agent, leak: &Leak) {
    let asked = now_ns();
    for (zombie, truth) in ours(agent, leak).iter().zip(&leak.truths) {
        let least = seconds(asked, truth.died_at.not_after_ns);
        assert!(zombie.zombie_seconds >= least - ROUNDING, "{zombie:#?}");
        assert!(zombie.zombie_seconds >= ASLEEP as f64, "{zombie:#?}");
    }
}

fn step_clock(by_seconds: i64) {
    let mut time = now(libc::CLOCK_REALTIME);
    time.tv_sec += by_seconds;
    // SAFETY: the kernel reads a time that lives.
    let result = unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Sleeps until an alarm of the machine's own clock.
fn suspend() -> io::Result<()> {
    let slept = || seconds_of(libc::CLOCK_BOOTTIME) - seconds_of(libc::CLOCK_MONOTONIC);
    let before = slept();
    fs::write(ALARM, "0")?;
    fs::write(ALARM, format!("+{ASLEEP}"))?;
    fs::write("/sys/power/state", "freeze")?;
    let slept = slept() - before;
    // The alarm counts whole seconds and may come within the first.
    if slept < ASLEEP as f64 - 2.0 {
        return Err(io::Error::other(format!(
            "its clocks stood for {slept:.3} s only"
        )));
    }
    println!("\nsuspended for {slept:.3} s");
    Ok(())
}

fn seconds_of(clock: i32) -> f64 {
    let now = now(clock);
    let whole = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
    whole.as_secs_f64()
}

fn now(clock: i32) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes a time that lives.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(result, 0, "every kernel has these clocks");
    time
}
