//! Each scenario is consistent: its stamps are ordered and its deaths are those that it names.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

use scenarios::cases::SCENARIOS;
use scenarios::fails;
use scenarios::truth::{Crowd, Exit, How, Interval, Lack, SentBy, Truth};

fn output(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_scenarios"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "scenarios {args:?}: {errors}");
    String::from_utf8(output.stdout).expect("JSON is UTF-8")
}

fn truths(args: &[&str]) -> Vec<Truth> {
    parse(&output(args))
}

fn parse(output: &str) -> Vec<Truth> {
    let lines = output.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a truth"))
        .collect()
}

fn run(name: &str) -> Vec<Truth> {
    truths(&["run", name])
}

/// The deaths of a scenario, unless the kernel lacks what it takes.
fn try_run(name: &str) -> Option<Vec<Truth>> {
    let output = output(&["run", name]);
    match serde_json::from_str::<Lack>(&output) {
        Ok(lack) => {
            // Not by `eprintln`, which the test harness keeps to itself when the test passes.
            writeln!(stderr(), "\nSKIPPED {name}: {}", lack.lacks).expect("stderr is open");
            None
        }
        Err(_) => Some(parse(&output)),
    }
}

fn assert_ordered(truth: &Truth) {
    let forward = |interval: Interval| interval.not_before_ns <= interval.not_after_ns;
    let stamps = [
        Some(truth.start),
        Some(truth.begun_at),
        Some(truth.died_at),
        truth.reaped_at,
    ];
    assert!(stamps.into_iter().flatten().all(forward), "{truth:?}");
    assert!(
        stamps
            .into_iter()
            .flatten()
            .all(|stamp| stamp.not_before_ns != 0),
        "{truth:?}"
    );
    assert!(
        truth.start.not_before_ns <= truth.begun_at.not_before_ns,
        "{truth:?}"
    );
    assert!(
        truth.begun_at.not_after_ns <= truth.died_at.not_after_ns,
        "{truth:?}"
    );
    if let Some(reaped) = truth.reaped_at {
        assert!(
            truth.died_at.not_before_ns <= reaped.not_before_ns,
            "{truth:?}"
        );
    }
    if let Some(killer) = truth.killer {
        assert!(forward(killer.at) && killer.pid != Some(0), "{truth:?}");
    }
    assert_eq!(
        truth.reaper.is_some(),
        !matches!(truth.how, How::Autoreap | How::Never)
    );
    assert!(
        truth.pid != 0 && truth.forker != 0 && truth.parent != 0,
        "{truth:?}"
    );
    assert!(
        truth.comm.starts_with("rw-") && truth.comm.len() < 16,
        "{truth:?}"
    );
}

/// The bounds of the zombie time in `truth`, in milliseconds.
fn zombie_ms(truth: &Truth) -> (f64, f64) {
    let reaped = truth.reaped_at.expect("reaped");
    let ms = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    let least = ms(truth.died_at.not_after_ns, reaped.not_before_ns);
    (least, ms(truth.died_at.not_before_ns, reaped.not_after_ns))
}

#[test]
fn every_scenario_that_needs_no_privileges_is_ordered() {
    let privileged = [
        "pid_namespace",
        "namespace_dies",
        "namespace_kills",
        "namespace_injected",
        "cgroup_kill",
        "oom_kill",
    ];
    for scenario in SCENARIOS
        .iter()
        .filter(|scenario| !privileged.contains(&scenario.name))
    {
        let Some(truths) = try_run(scenario.name) else {
            continue;
        };
        assert!(!truths.is_empty(), "{} killed no process", scenario.name);
        for truth in truths {
            assert_eq!(truth.name, scenario.name);
            assert_ordered(&truth);
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_namespace_init_reaps_and_clears_up() {
    let reaped = run("pid_namespace");
    let [child, init, _] = &reaped[..] else {
        panic!("{reaped:?}")
    };
    assert_eq!(
        (child.parent, child.reaper.unwrap().pid),
        (init.pid, init.pid)
    );
    assert!(
        child.pid != 2 && init.pid != 1,
        "these are the numbers of the outside"
    );
    let sleepers = run("namespace_kills");
    let killer = sleepers[0].killer.expect("it was killed");
    assert_eq!(
        (sleepers[0].how, killer.pid, killer.by),
        (How::Autoreap, Some(sleepers[1].pid), SentBy::Namespace)
    );
    let injected = run("namespace_injected");
    let [child, init, outside] = &injected[..] else {
        panic!("{injected:?}")
    };
    assert_eq!(child.parent, outside.pid);
    assert!(
        init.died_at.not_before_ns >= child.died_at.not_after_ns,
        "the init waits for it"
    );
    injected.iter().for_each(assert_ordered);
    let cleared = run("namespace_dies");
    assert_eq!(cleared[0].how, How::Namespace);
    reaped
        .iter()
        .chain(&cleared)
        .chain(&sleepers)
        .for_each(assert_ordered);
}

#[test]
fn a_late_reap_has_the_delay_in_its_name() {
    for (name, ms) in [
        ("reaped_1ms", 1.0),
        ("reaped_10ms", 10.0),
        ("reaped_100ms", 100.0),
    ] {
        let truths = run(name);
        assert_eq!(truths.len(), 1);
        let (least, most) = zombie_ms(&truths[0]);
        assert!(ms <= least && least <= most, "{name}: {least} to {most}");
    }
}

#[test]
fn an_auto_reaped_child_has_no_reaper() {
    for name in ["sigchld_ignored", "sa_nocldwait"] {
        let truth = &run(name)[0];
        assert_eq!((truth.how, truth.reaper), (How::Autoreap, None), "{name}");
    }
}

#[test]
fn every_killed_process_and_no_other_has_a_killer() {
    for (name, signal) in [("killed_sigkill", 9), ("killed_sigterm", 15)] {
        let truths = run(name);
        let [victim, killer] = &truths[..] else {
            panic!("{truths:?}")
        };
        assert_eq!(victim.exit, Exit::Killed { signal });
        assert_eq!(
            victim.killer.map(|killer| (killer.pid, killer.signal)),
            Some((Some(killer.pid), signal))
        );
        assert_eq!(killer.killer, None);
    }
    let handled = &run("handled_signal")[0];
    assert_eq!(
        (handled.exit, handled.killer),
        (Exit::Exited { code: 3 }, None)
    );
    assert_eq!(run("aborted")[0].exit, Exit::Killed { signal: 6 });
}

#[test]
fn a_signal_of_the_kernel_has_no_process_as_its_killer() {
    for (name, signal, by) in [
        ("terminal", 2, SentBy::Terminal),
        ("alarm", 14, SentBy::Timer),
        ("posix_timer", 15, SentBy::Timer),
        ("fault", 11, SentBy::Kernel),
        ("broken_pipe", 13, SentBy::Kernel),
    ] {
        let truth = &run(name)[0];
        assert_eq!(truth.exit, Exit::Killed { signal }, "{name}");
        let killer = truth.killer.expect("it was killed");
        assert_eq!((killer.pid, killer.by), (None, by), "{name}");
    }
}

#[test]
fn of_several_signals_the_one_that_killed_counts() {
    for name in ["term_then_kill", "kill_then_term"] {
        let truths = run(name);
        let [victim, killer] = &truths[..] else {
            panic!("{truths:?}")
        };
        let reported = victim.killer.expect("it was killed");
        assert_eq!(
            (reported.pid, reported.signal),
            (Some(killer.pid), 9),
            "{name}"
        );
    }
    let truth = &run("blocked_signal")[0];
    let least = truth.died_at.not_before_ns - truth.killer.expect("killed").at.not_after_ns;
    assert!(least >= 20_000_000, "it was blocked for 20 ms: {least}");
}

#[test]
fn threads_end_and_exec_as_described() {
    let truth = &run("leader_exits_first")[0];
    let lived = truth.died_at.not_before_ns - truth.start.not_before_ns;
    assert!(
        lived >= 100_000_000,
        "the last thread lives 100 ms, and was not there before its process: {lived}"
    );
    assert_eq!(run("exit_group_threads")[0].exit, Exit::Exited { code: 4 });
    for name in ["thread_execs", "thread_execs_late"] {
        assert_eq!(run(name)[0].exit, Exit::Exited { code: 2 }, "{name}");
    }
    let by_thread = run("reaped_by_thread")[0].reaper.unwrap();
    assert_ne!(by_thread.tid, Some(by_thread.pid));
}

#[test]
fn orphans_have_a_forker_and_an_adopter() {
    for name in ["subreaper", "zombie_adopted", "daemon"] {
        let truths = run(name);
        let [middle, orphan] = &truths[..] else {
            panic!("{truths:?}")
        };
        assert_eq!(orphan.forker, middle.pid, "{name}");
        assert_ne!(orphan.parent, middle.pid, "{name}");
    }
}

#[test]
fn a_dead_traced_thread_delays_the_death_of_its_process() {
    let truths = run("thread_traced");
    let (begun, died) = (truths[0].begun_at, truths[0].died_at);
    let least = died.not_before_ns - begun.not_after_ns;
    assert!(least >= 20_000_000, "its tracer took 20 ms: {least}");
}

#[test]
fn a_traced_child_names_its_tracer() {
    for name in ["tracer_waits", "tracer_exits"] {
        let truths = run(name);
        let [child, tracer] = &truths[..] else {
            panic!("{truths:?}")
        };
        assert_eq!(child.tracer, Some(tracer.pid), "{name}");
        assert_eq!(child.reaper.unwrap().pid, child.parent, "{name}");
    }
    let released = &run("tracer_releases")[0];
    assert_eq!(
        (released.how, released.tracer),
        (How::Tracer, released.reaper.map(|r| r.pid))
    );
}

#[test]
fn resources_are_what_was_used() {
    let used = run("resources")[0].resources.expect("measured");
    assert!(used.user_us + used.system_us >= 45_000, "{used:?}");
    assert!(used.max_rss_bytes >= 20 << 20, "{used:?}");
    assert_eq!(used.threads, 3);
}

#[test]
fn crowds_count_their_deaths() {
    for (name, count) in [("burst", 50), ("cycles", 70)] {
        let line = output(&[name, "--count", &count.to_string()]);
        let crowd: Crowd = serde_json::from_str(&line).expect("a crowd");
        assert_eq!((crowd.count, crowd.name.as_str()), (count, name));
        assert!(crowd.during.not_before_ns < crowd.during.not_after_ns);
    }
}

#[test]
fn leaks_and_accuracy_print_each_death() {
    let leaked = truths(&["leak", "--count", "20"]);
    assert_eq!(leaked.len(), 20);
    assert!(leaked.iter().all(|truth| truth.how == How::Never));
    let exact = truths(&["accuracy", "--delay", "2", "--count", "5"]);
    assert_eq!(exact.len(), 5);
    assert!(exact.iter().all(|truth| zombie_ms(truth).0 >= 2.0));
}

#[test]
fn an_unknown_scenario_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_scenarios"))
        .args(["run", "nonsense"])
        .output()
        .expect("the program runs");
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "scenarios: no scenario `nonsense`\n"
    );
}

#[test]
fn a_failed_scenario_leaves_no_process() {
    // This returns when the last process that could print is gone, and none did.
    let output = Command::new(env!("CARGO_BIN_EXE_scenarios"))
        .arg(fails::NAME)
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("as intended"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}
