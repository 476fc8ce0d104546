//! Processes that another one holds: a tracer, a freezer, a parent outside of the PID namespace.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::block::{On, Relation};
use crate::culprit::evidence::{Freezer, Frozen};
use crate::stuck::evidence::{Actor, Member};
use Confidence::{Certain, Guess, Likely};

#[test]
fn a_stop_at_exit_names_the_process_that_can_end_it() {
    let mut evidence = stuck('t', &["ptrace_stop.part.0", "ptrace_notify", "do_exit"]);
    assert_judged(&evidence, "ptrace_exit_stop", Likely);
    let mut remedy = |tracer| {
        facts(&mut evidence).tracer = Some(tracer);
        let verdict = assert_judged(&evidence, "ptrace_exit_stop", Certain);
        assert_names(&verdict.summary, &["(PID 9)"]);
        verdict.remedy
    };
    assert!(remedy(actor(9, "gdb", 'S')).ends_with(": kill 9"));
    let deaf = Actor {
        handles_term: true,
        ..actor(9, "gdb", 'S')
    };
    assert!(remedy(deaf).ends_with(": kill -9 9"));
    assert!(remedy(actor(9, "strace", 'T')).ends_with(": kill -CONT 9"));
    // Its own debugger has stopped it, and may be stopped itself.
    let debugged = |debugger| Actor {
        tracer: Some(Box::new(debugger)),
        ..actor(9, "strace", 't')
    };
    assert!(remedy(debugged(actor(4, "gdb", 'S'))).ends_with(": kill 4"));
    assert!(remedy(debugged(actor(4, "gdb", 'T'))).ends_with(": kill -CONT 4"));
    // Blocked in its own output.
    let ends = vec![
        end(5, "sh", 'S', Relation::Descendant),
        end(6, "less", 'S', Relation::Descendant),
    ];
    let strace = || actor(9, "strace", 'S');
    let advice = remedy(blocked(strace(), On::PipeWrite, ends));
    assert!(advice.ends_with(": kill 5 6"), "{advice}");
    let ends = vec![
        end(5, "sh", 'S', Relation::Descendant),
        end(6, "less", 'T', Relation::Descendant),
    ];
    let advice = remedy(blocked(strace(), On::PipeWrite, ends));
    assert!(
        advice.contains("less (PID 6)") && advice.ends_with(": kill -CONT 6"),
        "{advice}"
    );
    let advice = remedy(blocked(strace(), On::PipeWrite, Vec::new()));
    assert!(advice.ends_with(": kill -9 9"), "{advice}");
    facts(&mut evidence).threads[0].state = 'R';
    assert_judged(&evidence, "ptrace_exit_stop", Guess);
}

#[test]
fn a_frozen_process_is_advised_to_be_thawed() {
    let mut evidence = stuck(
        'D',
        &["__refrigerator", "get_signal", "arch_do_signal_or_restart"],
    );
    assert_judged(&evidence, "killed_while_frozen", Likely);
    facts(&mut evidence).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/freezer/a".into(),
        thaw: "echo THAWED > /sys/fs/cgroup/freezer/a/freezer.state".to_owned(),
    });
    let verdict = assert_judged(&evidence, "killed_while_frozen", Certain);
    assert!(verdict.remedy.ends_with("freezer.state"));
    facts(&mut evidence).frozen_with_it = Some(Frozen {
        others: 5,
        is_lower_bound: false,
        some: vec![(7, "nginx".to_owned())],
    });
    let verdict = assert_judged(&evidence, "killed_while_frozen", Certain);
    assert_names(&verdict.remedy, &["5 other processes", "nginx (PID 7)"]);
    // A process in a frozen cgroup that sleeps elsewhere is not judged as frozen.
    facts(&mut evidence).threads = vec![Thread::of(100, 'D', &FLUSH)];
    assert_judged(&evidence, "closing_files", Likely);
}

#[test]
fn the_processes_left_in_a_namespace_are_named() {
    let mut evidence = stuck('I', &["zap_pid_ns_processes", "do_exit"]);
    assert_judged(&evidence, "waiting_for_namespace", Likely);
    facts(&mut evidence).left_in_namespace = vec![Member {
        process: actor(200, "probe", 'Z'),
        parent: Some(actor(10, "kubelet", 'S')),
    }];
    let verdict = assert_judged(&evidence, "waiting_for_namespace", Certain);
    assert_names(
        &verdict.evidence[1],
        &["probe (PID 200)", "kubelet (PID 10)"],
    );
    assert!(verdict.remedy.ends_with("kill 10"), "{}", verdict.remedy);
    let parent = &mut facts(&mut evidence).left_in_namespace[0].parent;
    *parent = Some(actor(10, "kubelet", 'T'));
    let verdict = assert_judged(&evidence, "waiting_for_namespace", Certain);
    assert!(
        verdict.remedy.ends_with("kill -CONT 10"),
        "{}",
        verdict.remedy
    );
}
