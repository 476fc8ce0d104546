//! A wall clock that is stepped, and a machine that is suspended: every time is shown as the wall
//! clock had it then, measured durations do not change, and zombie time includes the time in
//! suspend. One line of verdict each.

use std::time::{Duration, SystemTime};
use std::{env, fs, io};

use scenarios::cases::core_pipe::OWN_MACHINE;
use scenarios::truth::{Lack, Truth};

use crate::agent::Agent;
use crate::compare::{seconds, wall};
use crate::row::Verdicts;
use crate::scenario::{self, Leak};
use crate::stream::Stream;
use api::{FinishedExit, Process, Time, Zombie};

const HOUR: i64 = 3600;
/// How long the machine is suspended, until the hardware's clock wakes it.
const SLEEP: u64 = 4;
/// Far less than the machine is suspended of that: suspending takes some of it, and the
/// hardware's clock counts whole seconds.
const SLEPT: Duration = Duration::from_secs(1);
const WAKE_ALARM: &str = "/sys/class/rtc/rtc0/wakealarm";
const SLEEP_NOW: (&str, &str) = ("/sys/power/state", "mem");
/// Every figure is rounded to f64.
const ROUNDING: f64 = 1e-6;

#[test]
#[ignore = "needs a virtual machine of its own: it steps the clock"]
fn a_stepped_clock_and_a_suspend_do_not_change_past_times() {
    assert!(
        env::var_os(OWN_MACHINE).is_some(),
        "it steps the clock and suspends: `cargo xtask vm` gives it a machine of its own"
    );
    let agent = Agent::start(&[]);
    let mut stream = Stream::of(&agent);
    let leak = Leak::start(3);
    let mut verdicts = Verdicts::default();
    let first = known(&agent, &leak);
    verdicts.of("clock_untouched", || dies_now(&mut stream));
    for (name, hours) in [("clock_forward", 1), ("clock_back", -2)] {
        verdicts.of(name, || {
            step_clock(hours * HOUR);
            // An answer follows the clock at once, the agent itself a moment later.
            assert_eq!(known(&agent, &leak), first, "known by another time");
            dies_now(&mut stream);
        });
    }
    match no_suspend() {
        Some(lack) => Verdicts::skip(&lack),
        None => verdicts.of("clock_suspended", || {
            sleeps(&agent, &leak, &first, &mut stream);
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
            let reported = (line.pid, line.start_time, line.died_at);
            assert_eq!(reported, (dead.pid, dead.start_time, dead.died_at));
        }
    });
    verdicts.end();
}

/// Why this machine's clock does not stop in a suspend, if so: idle processors, all that is left
/// without firmware, keep it running.
fn no_suspend() -> Option<Lack> {
    let kinds = fs::read_to_string("/sys/power/mem_sleep").unwrap_or_default();
    (!kinds.contains("deep")).then(|| Lack {
        name: "clock_suspended".to_owned(),
        lacks: format!("suspend to memory: mem_sleep has {:?}", kinds.trim()),
    })
}

/// A suspend adds to the age of zombies, and to nothing else.
fn sleeps(agent: &Agent, leak: &Leak, first: &[Known], stream: &mut Stream) {
    let before = ages(agent, leak);
    let slept = suspend();
    assert!(slept >= SLEPT, "it slept for {slept:?}");
    let least = slept.as_secs_f64();
    for (before, after) in before.iter().zip(ages(agent, leak)) {
        assert!(
            after >= before + least,
            "{before} s, then {after} s, {slept:?} of them asleep"
        );
    }
    assert_eq!(known(agent, leak), first, "known by another time");
    dies_now(stream);
}

/// The identities of a zombie and its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    pid: u32,
    start_time: Option<Time>,
    died_at: Option<Time>,
    parent: Option<Process>,
}

fn known(agent: &Agent, leak: &Leak) -> Vec<Known> {
    let zombies = ours(agent, leak);
    let known = zombies.into_iter().map(|zombie| Known {
        pid: zombie.pid,
        start_time: zombie.start_time,
        died_at: zombie.died_at,
        parent: zombie.parent.as_deref().cloned(),
    });
    known.collect()
}

/// Zombie time of each, in seconds.
fn ages(agent: &Agent, leak: &Leak) -> Vec<f64> {
    let zombies = ours(agent, leak);
    zombies.into_iter().map(|it| it.zombie_seconds.0).collect()
}

/// The zombies of the leak, in its order.
fn ours(agent: &Agent, leak: &Leak) -> Vec<Zombie> {
    let zombies = agent.zombies().items;
    let of = |truth: &Truth| zombies.iter().find(|it| it.pid == truth.pid).cloned();
    let found: Option<Vec<_>> = leak.truths.iter().map(of).collect();
    found.expect("the agent knows the zombies")
}

/// A death now has the current time and the right duration.
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
        let at = wall(at.expect("all is known"));
        assert!((before..=after).contains(&at), "not now\n{context}");
    }
    let reaped = truth.reaped_at.expect("it was reaped");
    let least = seconds(reaped.not_before_ns, truth.died_at.not_after_ns);
    let took = line.zombie_seconds.expect("known").0;
    assert!(took >= least - ROUNDING, "{context}");
    assert!(took < 60.0, "it includes the stepped hour\n{context}");
}

fn step_clock(by_seconds: i64) {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes and reads a time that lives.
    let result = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time);
        time.tv_sec += by_seconds;
        libc::clock_settime(libc::CLOCK_REALTIME, &raw const time)
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Suspends the machine until the hardware's clock wakes it; returns for how long, from the two
/// clocks of the kernel of which only one counts that.
fn suspend() -> Duration {
    let before = asleep_so_far();
    let (state, deep) = SLEEP_NOW;
    fs::write(WAKE_ALARM, format!("+{SLEEP}")).expect("a clock that can wake it");
    fs::write(state, deep).expect("a machine that can sleep");
    asleep_so_far().saturating_sub(before)
}

/// How far `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC`, which stops in suspend. Between the
/// two readings this may be preempted: a suspend then looks longer by that, but so do all ages.
fn asleep_so_far() -> Duration {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let awake = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let boot = Duration::try_from(boot).expect("after the boot");
    boot.saturating_sub(Duration::try_from(awake).expect("after the boot"))
}
