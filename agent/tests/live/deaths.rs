//! Each way to die has exactly one line, and it is true.

use std::collections::HashSet;

use scenarios::Truth;

use crate::agent::Agent;
use crate::compare::{assert_resources, assert_true, is_same_process, seconds};
use crate::row::{attempt, made_again};
use crate::scenario;
use crate::stream::Stream;
use api::{FinishedExit, Process};

/// Runs one scenario under an agent and judges all its lines.
fn judge(name: &str) {
    let agent = Agent::start(&[]);
    let by_tracepoints = agent.by_tracepoints();
    let mut stream = Stream::of(&agent);
    let truths = match scenario::try_run(name) {
        Ok(truths) => truths,
        Err(lack) => return scenario::skipped(&lack),
    };
    let first = attempt(|| compare_all(&mut stream, &truths, by_tracepoints));
    let judged = first.or_else(|why| made_again(&agent, &mut stream, &truths, why));
    assert_eq!(judged, Ok(()));
    assert_eq!(stream.lost, 0, "the stream kept up");
}

/// Waits for the lines of these deaths, and judges all that have come.
pub(crate) fn compare_all(stream: &mut Stream, truths: &[Truth], by_tracepoints: bool) {
    compare(&stream.collect_all(truths), truths, by_tracepoints);
}

/// Judges all lines of one scenario, which are among `lines`.
pub(crate) fn compare(lines: &[FinishedExit], truths: &[Truth], by_tracepoints: bool) {
    for truth in truths {
        let of_it: Vec<_> = lines
            .iter()
            .filter(|line| is_same_process(line, truth))
            .collect();
        assert_eq!(
            of_it.len(),
            1,
            "one death, one line: {of_it:#?}\n{truth:#?}"
        );
        assert_true(of_it[0], truth, by_tracepoints);
        if truth.resources.is_some() {
            assert_resources(of_it[0], truth);
        }
    }
    assert_no_other_deaths(lines, truths);
}

/// A thread, or a leader that was replaced by an exec, is not a dead process.
fn assert_no_other_deaths(lines: &[FinishedExit], truths: &[Truth]) {
    // Others may have got its PID since.
    let is_scenario = |comm: &str| comm.starts_with("scenarios") || comm.starts_with("rw-");
    let ours = |process: Option<&Process>| {
        process.is_some_and(|process| {
            is_scenario(&process.comm) && truths.iter().any(|truth| truth.forker == process.pid)
        })
    };
    let mut others = lines.iter().filter(|line| {
        let known = truths.iter().any(|truth| is_same_process(line, truth));
        !known && (ours(line.parent.as_ref()) || ours(line.forker.as_ref()))
    });
    assert_eq!(others.next(), None, "no other process died");
}

macro_rules! judged {
    ($($scenario:ident)*) => {
        $(
            #[test]
            #[ignore = "needs root and a kernel with BTF"]
            fn $scenario() {
                judge(stringify!($scenario));
            }
        )*

        /// Ensures that no scenario is missing here.
        #[test]
        fn every_scenario_is_judged() {
            let judged = HashSet::from([$(stringify!($scenario)),*, "never_reaped"]);
            let all = scenarios::cases::SCENARIOS.iter().map(|scenario| scenario.name);
            assert_eq!(judged, all.collect());
        }
    };
}

judged! {
    reaped_0ms reaped_1ms reaped_10ms reaped_100ms
    wait4_any waitid_pid waitid_pidfd waitid_all waitid_null
    peeked reaped_by_thread io_uring_waitid number_again
    sigchld_ignored sa_nocldwait clone_autoreap pidfd_autokill
    killed_sigkill killed_sigterm handled_signal aborted dumped dumped_to_pipe
    terminal group_kill cgroup_kill oom_kill blocked_signal term_then_kill kill_then_term
    alarm posix_timer fault broken_pipe parent_death_signal pidfd_signal
    leader_exits_first leader_first_ignored exit_group_threads threads_killed
    thread_execs thread_execs_late exec_not_found exec_broken
    subreaper zombie_adopted adopter_ignores many_adopted daemon
    tracer_waits tracer_exits tracer_detaches thread_traced tracer_releases
    exit_signal_0 vfork clone_parent
    pid_namespace namespace_dies namespace_kills namespace_injected
    resources
}

/// By tracepoints alone and without those of system calls, only the traces of a reap can be seen.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_time_of_an_unseen_reap_is_an_upper_bound() {
    let agent = Agent::start(&["--hook", "tracepoint", "--no-syscall-tracepoints"]);
    let mut stream = Stream::of(&agent);
    let truths = scenario::run("reaped_10ms");
    let lines = stream.collect(&truths);
    let [line] = &lines[..] else {
        panic!("one death, one line: {lines:#?}")
    };
    assert!(line.zombie_seconds_is_upper_bound, "{line:#?}");
    assert_eq!(
        (&line.reaper, line.how.as_str()),
        (&None, "unknown"),
        "{line:#?}"
    );
    let reaped = truths[0].reaped_at.expect("it is reaped");
    let least = seconds(reaped.not_before_ns, truths[0].died_at.not_after_ns);
    assert!(
        line.zombie_seconds.is_some_and(|zombie| zombie >= least),
        "{least} {line:#?}"
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn doctor_reports_that_the_main_job_runs() {
    let doctor = Agent::start(&[]).doctor();
    assert!(doctor.runs, "{doctor:#?}");
    assert!(
        doctor
            .probes
            .iter()
            .all(|probe| probe.hook.is_some() || !probe.required)
    );
}

/// Reports where `zombie_seconds` lie between the least and the most that can be true.
#[test]
#[ignore = "needs root and a kernel with BTF"]
fn zombie_seconds_are_accurate() {
    let agent = Agent::start(&[]);
    let by_tracepoints = agent.by_tracepoints();
    let mut stream = Stream::of(&agent);
    let truths = scenario::truths(&["accuracy", "--delay", "1", "--count", "50"]);
    let lines = stream.collect(&truths);
    assert_eq!(lines.len(), truths.len());
    let mut above = Vec::new();
    let mut open = Vec::new();
    for truth in &truths {
        let line = lines
            .iter()
            .find(|line| is_same_process(line, truth))
            .expect("collected");
        assert_true(line, truth, by_tracepoints);
        let reaped = truth.reaped_at.expect("all are reaped");
        let least = seconds(reaped.not_before_ns, truth.died_at.not_after_ns);
        let most = seconds(reaped.not_after_ns, truth.died_at.not_before_ns);
        above.push((line.zombie_seconds.expect("judged").0 - least) * 1e6);
        open.push((most - least) * 1e6);
    }
    above.sort_by(f64::total_cmp);
    open.sort_by(f64::total_cmp);
    let [lowest, median, highest] = [above[0], above[25], above[49]];
    println!(
        "above the least truth: {lowest:.0} to {highest:.0} µs, median {median:.0}; \
         the truth is open by {:.0} µs (median)",
        open[25]
    );
}
