//! Compares a line of the agent with the truth.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scenarios::clock::now_ns;
use scenarios::truth::{self, How, Interval, SentBy, Truth};

use api::{Exit, ExitKind, FinishedExit, KillBy, Process, Time};

/// The agent and this test each join `CLOCK_BOOTTIME` with wall time by reading both clocks one
/// after the other; either may be preempted between, and the wall clock may be slewed.
const CLOCK_JOIN: Duration = Duration::from_millis(5);
/// Durations are differences of kernel stamps, so only the rounding to f64 makes them short.
const SHORT: f64 = 0.0001;
/// A reap seen at the return of a wait call, or through a pidfd, is late by a wake-up.
const WAKE_UP: f64 = 0.020;
/// Two times that `wait4` rounds down to microseconds.
const ROUNDED: f64 = 0.000_002;
/// Reaps that the return of a wait call may not show: no call at all, a call that writes no PID,
/// and those of another program, which may use any call.
const UNSEEN: [&str; 5] = [
    UNSEEN_ADOPTION,
    "namespace_dies",
    "waitid_null",
    "daemon",
    "io_uring_waitid",
];
/// No process is notified of this adoption either, because the adopter wants no zombies.
const UNSEEN_ADOPTION: &str = "adopter_ignores";
/// Deaths at which no signal is generated, so that tracepoints see only the end of the last thread.
const UNNOTIFIED: [&str; 8] = [
    "rw-ignored",
    "rw-no-signal",
    "rw-tracer-i",
    "rw-autoreap",
    "rw-autokill",
    "rw-leader-ign",
    "rw-middle-ign",
    "rw-nskilled",
];

/// Asserts that `line` is true; `by_tracepoints` allows what such a source cannot know.
pub(crate) fn assert_true(line: &FinishedExit, truth: &Truth, by_tracepoints: bool) {
    let context = format!("{truth:#?}\n{line:#?}");
    let exit = Some(exit(truth.exit));
    assert_eq!((&line.comm, &line.exit), (&truth.comm, &exit), "{context}");
    assert_eq!(
        pid(line.forker.as_ref()),
        Some(truth.forker),
        "forker\n{context}"
    );
    let unseen = by_tracepoints && truth.name == UNSEEN_ADOPTION && line.how == api::How::Unknown;
    let parent = if unseen { truth.forker } else { truth.parent };
    assert_eq!(pid(line.parent.as_ref()), Some(parent), "parent\n{context}");
    assert_eq!(pid(line.tracer.as_ref()), truth.tracer, "tracer\n{context}");
    assert_held(line, truth, &context);
    assert_killer(line, truth, &context);
    assert_within(line.start_time, truth.start, "start_time", &context);
    assert_reap(line, truth, by_tracepoints, &context);

    let bound = by_tracepoints && UNNOTIFIED.contains(&&*truth.comm);
    assert_eq!(line.died_at_is_lower_bound, bound, "{context}");
    if bound {
        assert_eq!(
            line.exit_seconds, None,
            "this source cannot know\n{context}"
        );
    } else {
        let longest = seconds(truth.died_at.not_after_ns, truth.begun_at.not_before_ns) + SHORT;
        let took = line
            .exit_seconds
            .unwrap_or_else(|| panic!("no exit_seconds\n{context}"));
        assert!((0.0..=longest).contains(&took.0), "exit_seconds\n{context}");
        assert_within(line.began_at, truth.begun_at, "began_at", &context);
    }
    let died_at = Interval {
        not_before_ns: if bound {
            truth.begun_at.not_before_ns
        } else {
            truth.died_at.not_before_ns
        },
        ..truth.died_at
    };
    assert_within(line.died_at, died_at, "died_at", &context);
}

/// Asserts which processes had to reap it before, and until when; only if its parent reaped it:
/// others never really became their next parent's.
fn assert_held(line: &FinishedExit, truth: &Truth, context: &str) {
    if truth.how != How::Wait {
        return;
    }
    let reported = line.held_before.iter();
    let reported: Vec<_> = reported.map(|it| (it.process.pid, it.as_tracer)).collect();
    let held = truth.held_before.iter();
    let held: Vec<_> = held.map(|it| (it.pid, it.as_tracer)).collect();
    assert_eq!(reported, held, "held before\n{context}");
    let mut from = truth.died_at;
    for (reported, truth) in line.held_before.iter().zip(&truth.held_before) {
        assert_within(Some(reported.until), truth.until, "held until", context);
        assert!(!reported.until_is_upper_bound, "held until\n{context}");
        let least = seconds(truth.until.not_before_ns, from.not_after_ns) - SHORT;
        let most = seconds(truth.until.not_after_ns, from.not_before_ns) + SHORT;
        let took = reported.seconds.expect("both ends were seen").0;
        assert!((least..=most).contains(&took), "held for {took}\n{context}");
        from = truth.until;
    }
}

/// Asserts that the used memory, threads and lifetime are those of `wait4`, and that the CPU time,
/// which goes on while the process exits, is between its own account and that of `wait4`.
pub(crate) fn assert_resources(line: &FinishedExit, truth: &Truth) {
    let used = line.resources.as_ref().expect("the death was seen");
    let measured = truth.resources.expect("the scenario measures");
    let cpu = used.user_seconds.0 + used.system_seconds.0;
    let least_cpu = measured.before_exit_us as f64 / 1e6;
    let most_cpu = (measured.user_us + measured.system_us) as f64 / 1e6 + ROUNDED;
    assert!(least_cpu > 0.0, "{measured:?}");
    assert!(
        (least_cpu..=most_cpu).contains(&cpu),
        "{used:?} {measured:?}"
    );
    assert!(
        used.user_seconds > 0.0 && used.system_seconds > 0.0,
        "{used:?}"
    );
    assert_eq!(used.threads, Some(measured.threads));
    let difference = used.max_rss_bytes.abs_diff(measured.max_rss_bytes);
    assert!(difference <= 1 << 20, "{used:?} {measured:?}");
    let least = seconds(truth.died_at.not_before_ns, truth.start.not_after_ns) - SHORT;
    let most = seconds(truth.died_at.not_after_ns, truth.start.not_before_ns) + SHORT;
    assert!(
        (least..=most).contains(&used.lifetime_seconds.0),
        "{used:?} {least} {most}"
    );
}

/// Asserts that a time of the agent is in the interval.
pub(crate) fn assert_within(at: Option<Time>, interval: Interval, what: &str, context: &str) {
    let at = at.unwrap_or_else(|| panic!("{what} is null\n{context}"));
    let boot = since_boot(at);
    assert!(
        is_within(boot, interval),
        "{what} is {boot:?} since boot\n{context}"
    );
}

/// Whether a line is about the process of this truth: its PID may have been
/// that of other processes before and after.
pub(crate) fn is_same_process(line: &FinishedExit, truth: &Truth) -> bool {
    let is_within = |start| is_within(since_boot(start), truth.start);
    line.pid == truth.pid && line.start_time.is_some_and(is_within)
}

/// A time as the standard library's type.
pub(crate) fn wall(at: Time) -> SystemTime {
    UNIX_EPOCH + Duration::try_from(at.0.as_duration()).expect("after 1970")
}

fn since_boot(at: Time) -> Duration {
    let wall = wall(at).duration_since(UNIX_EPOCH).expect("after 1970");
    wall.saturating_sub(boot_time())
}

fn is_within(boot: Duration, interval: Interval) -> bool {
    let early = Duration::from_nanos(interval.not_before_ns).saturating_sub(CLOCK_JOIN);
    let late = Duration::from_nanos(interval.not_after_ns) + CLOCK_JOIN;
    (early..=late).contains(&boot)
}

/// The exit as the agent reports it.
pub(crate) fn exit(exit: truth::Exit) -> Exit {
    let (kind, code, signal) = match exit {
        truth::Exit::Exited { code } => (ExitKind::Exited, Some(code), None),
        truth::Exit::Killed { signal } => (ExitKind::Killed, None, Some(name(signal))),
        truth::Exit::Dumped { signal } => (ExitKind::Dumped, None, Some(name(signal))),
    };
    Exit {
        kind: kind.into(),
        code,
        signal,
    }
}

/// From `begin` to `end`, 0 when that is backwards.
pub(crate) fn seconds(end: u64, begin: u64) -> f64 {
    end.saturating_sub(begin) as f64 / 1e9
}

fn assert_reap(line: &FinishedExit, truth: &Truth, by_tracepoints: bool, context: &str) {
    let released = truth
        .reaped_at
        .unwrap_or_else(|| panic!("never reaped\n{context}"));
    let seen = !(line.how == api::How::Unknown && by_tracepoints && UNSEEN.contains(&&*truth.name));
    let reaper = line
        .reaper
        .as_ref()
        .map(|reaper| (reaper.process.pid, reaper.tid));
    if !seen {
        assert_eq!(reaper, None, "a reaper cannot be known\n{context}");
    } else if truth.how == How::Tracer && line.how == api::How::Autoreap {
        // Also true: the tracer's wait made the kernel ask the parent, which wants no zombies.
        assert_eq!(reaper, None, "no process had to\n{context}");
    } else {
        assert_eq!(line.how.known(), how(truth.how), "how\n{context}");
        let expected = truth.reaper.map(|true_reaper| {
            let tid = true_reaper.tid.or(reaper.map(|(_, tid)| tid));
            (true_reaper.pid, tid.expect("known, or that of the line"))
        });
        assert_eq!(reaper, expected, "reaper\n{context}");
    }
    if seen {
        // Tracepoints see the end of the reaper's call. Our scenarios stamp after that; if another
        // program reaps, the process was seen to be gone before.
        let stranger = truth.reaper.is_some_and(|reaper| reaper.tid.is_none());
        let late = if by_tracepoints && stranger {
            WAKE_UP
        } else {
            0.0
        };
        // Of an auto-reap without a signal they only see the end.
        let over = by_tracepoints && truth.how == How::Autoreap && line.died_at_is_lower_bound;
        assert_eq!(line.reaped_at_is_upper_bound, over, "{context}");
        let not_after_ns = if over {
            now_ns()
        } else {
            released.not_after_ns + (late * 1e9) as u64
        };
        let released = Interval {
            not_after_ns,
            ..released
        };
        assert_within(line.reaped_at, released, "reaped_at", context);
    }
    if truth.how == How::Autoreap && released == truth.died_at {
        let never = line.zombie_seconds.is_none_or(|zombie| zombie <= 0.0);
        assert!(never, "never a zombie\n{context}");
        return;
    }
    let zombie = line
        .zombie_seconds
        .unwrap_or_else(|| panic!("no zombie_seconds\n{context}"));
    let least = seconds(released.not_before_ns, truth.died_at.not_after_ns) - SHORT;
    let late = if by_tracepoints { WAKE_UP } else { SHORT };
    let most = seconds(released.not_after_ns, truth.died_at.not_before_ns) + late;
    assert!(zombie >= least, "zombie_seconds below {least}\n{context}");
    let bounded = line.zombie_seconds_is_upper_bound;
    assert!(
        bounded || zombie <= most,
        "zombie_seconds above {most}\n{context}"
    );
    let inexact = !seen || line.died_at_is_lower_bound;
    assert_eq!(bounded, inexact, "{context}");
}

fn assert_killer(line: &FinishedExit, truth: &Truth, context: &str) {
    let Some(true_killer) = truth.killer else {
        assert_eq!(line.killer, None, "no process killed it\n{context}");
        assert_eq!(line.kill_seconds, None, "{context}");
        return;
    };
    let killer = line
        .killer
        .as_ref()
        .unwrap_or_else(|| panic!("no killer\n{context}"));
    let reported = (
        pid(killer.process.as_ref()),
        killer.by.clone(),
        &killer.signal,
    );
    let (by, signal) = (sent_by(true_killer.by), name(true_killer.signal));
    let expected = (true_killer.pid, Some(by.into()), &signal);
    assert_eq!(reported, expected, "killer\n{context}");
    assert_within(Some(killer.at), true_killer.at, "killer.at", context);
    if line.died_at_is_lower_bound {
        assert_eq!(line.kill_seconds, None, "it cannot be known\n{context}");
        return;
    }
    let least = seconds(truth.died_at.not_before_ns, true_killer.at.not_after_ns) - SHORT;
    let most = seconds(truth.died_at.not_after_ns, true_killer.at.not_before_ns) + SHORT;
    let took = line
        .kill_seconds
        .unwrap_or_else(|| panic!("no kill_seconds\n{context}"));
    assert!(
        took >= 0.0 && (least..=most).contains(&took.0),
        "kill_seconds not from {least} to {most}\n{context}"
    );
}

fn sent_by(by: SentBy) -> KillBy {
    match by {
        SentBy::Process => KillBy::Process,
        SentBy::Kernel => KillBy::Kernel,
        SentBy::Oom => KillBy::Oom,
        SentBy::Terminal => KillBy::Terminal,
        SentBy::Timer => KillBy::Timer,
        SentBy::Namespace => KillBy::Namespace,
        SentBy::ParentDeath => KillBy::ParentDeath,
    }
}

fn how(how: How) -> Option<api::How> {
    match how {
        How::Wait => Some(api::How::Wait),
        How::Autoreap => Some(api::How::Autoreap),
        How::Tracer => Some(api::How::Tracer),
        How::Namespace => Some(api::How::Namespace),
        How::Never => None,
    }
}

fn name(signal: u8) -> String {
    let name = match signal {
        2 => "SIGINT",
        6 => "SIGABRT",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        other => panic!("no scenario sends {other}"),
    };
    name.to_owned()
}

fn pid(process: Option<&Process>) -> Option<u32> {
    process.map(|process| process.pid)
}

/// Wall time at which `CLOCK_BOOTTIME` was 0, from the best of some readings: between two clocks
/// this thread may be preempted.
fn boot_time() -> Duration {
    const READINGS: u32 = 5;
    let reading = |_| {
        let before_ns = now_ns();
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let took_ns = now_ns() - before_ns;
        let boot = Duration::from_nanos(before_ns + took_ns / 2);
        (took_ns, wall.saturating_sub(boot))
    };
    let best = (0..READINGS)
        .map(reading)
        .min_by_key(|&(took_ns, _)| took_ns);
    best.expect("there are readings").1
}
