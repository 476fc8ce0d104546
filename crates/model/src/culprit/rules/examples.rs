//! Example evidence for each verdict on a culprit.

use super::testing::*;
use super::*;
use crate::culprit::evidence::block::{Block, On, Relation};
use crate::culprit::evidence::{Awaited, Freezer, Place, Program, Role, Sigchld, Since};
use crate::culprit::evidence::{Cpu, Evidence};
use crate::events::Asked;

/// The id of each verdict and evidence for it.
pub(super) fn examples() -> Vec<(&'static str, Evidence)> {
    vec![
        ("just_died", young()),
        ("held_by_tracer", traced()),
        ("parent_frozen", frozen()),
        ("parent_stopped", stopped()),
        ("parent_starved", starved()),
        ("parent_uninterruptible", in_vfork()),
        ("pidns_init_waiting", keeps_an_init()),
        ("needs_wclone", clones()),
        ("forked_before_exec", started_by_a_script()),
        ("sigchld_blocked", blocks_sigchld()),
        ("peeked_not_reaped", peeks()),
        ("wait_blocked_on_event", reads_a_pipe()),
        ("init_without_reaping", init()),
        ("subreaper_without_reaping", subreaper()),
        ("waits_for_others", waits_by_pid()),
        ("sigchld_coalesced", one_wait_per_signal()),
        ("never_waits", ran(leak())),
    ]
}

fn young() -> Evidence {
    let mut evidence = leak();
    evidence.zombies.old = 0;
    evidence.zombies.oldest_age_ns = SECOND;
    evidence
}

fn traced() -> Evidence {
    let mut evidence = leak();
    "gdb".clone_into(&mut evidence.comm);
    evidence.role = Role::Tracer;
    evidence.zombies.real_parent = Some((7, "make".to_owned()));
    evidence
}

fn frozen() -> Evidence {
    let mut evidence = leak();
    facts(&mut evidence).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/batch".into(),
        thaw: "echo 0 > /sys/fs/cgroup/batch/cgroup.freeze".to_owned(),
    });
    evidence
}

fn stopped() -> Evidence {
    let mut evidence = leak();
    facts(&mut evidence).looked_at = vec![thread(100, 'T', "")];
    facts(&mut evidence).stop_signal = Some(21);
    evidence
}

fn starved() -> Evidence {
    let mut evidence = leak();
    facts(&mut evidence).looked_at = vec![thread(100, 'R', "")];
    facts(&mut evidence).nice = Some(19);
    evidence.since = Some(Since {
        cpu: Some(Cpu {
            ran_ns: 10_000_000,
            queued_ns: 9 * SECOND,
            quota: None,
        }),
        ..since(0, 0)
    });
    evidence
}

fn in_vfork() -> Evidence {
    let mut evidence = leak();
    let mut main = thread(100, 'D', "kernel_clone");
    let mut child = end(180, "app", Relation::Descendant);
    child.state = Some('t');
    let mut strace = end(90, "strace", Relation::Tracer);
    strace.state = Some('T');
    child.waits_for = Some(Box::new(Block {
        ends: vec![strace],
        ..blocked(On::Other {
            wchan: Some("ptrace_stop".to_owned()),
        })
    }));
    main.block = Some(Block {
        ends: vec![child],
        ..blocked(On::VforkChild)
    });
    facts(&mut evidence).looked_at = vec![main];
    evidence
}

fn keeps_an_init() -> Evidence {
    let mut evidence = ran(leak());
    evidence.zombies.held_init = Some((200, "nginx".to_owned()));
    evidence.zombies.in_its_namespace = 1;
    evidence
}

fn clones() -> Evidence {
    let mut evidence = waited(leak(), 300, 0);
    evidence.zombies.without_sigchld = 3;
    evidence
}

fn started_by_a_script() -> Evidence {
    let mut evidence = leak();
    evidence.zombies.forked_before_exec = 3;
    evidence.zombies.forked_as = Some("start.sh".to_owned());
    evidence.program = Program {
        age_ns: Some(100 * SECOND),
        former: Some("start.sh".to_owned()),
        execs: None,
    };
    evidence
}

fn blocks_sigchld() -> Evidence {
    let mut evidence = leak();
    facts(&mut evidence).sigchld = Some(Sigchld {
        blocked_in: 1,
        pending: true,
        caught: true,
        ignored: false,
    });
    evidence
}

fn peeks() -> Evidence {
    let mut evidence = waited(leak(), 9, 1);
    evidence.habits.asked = Some(Asked {
        peeks: 9,
        ..Asked::default()
    });
    evidence.habits.last_peek_age_ns = Some(SECOND);
    evidence
}

fn reads_a_pipe() -> Evidence {
    let mut evidence = slept(leak());
    facts(&mut evidence).looked_at[0].block = Some(Block {
        ends: vec![end(77, "sleep", Relation::LeftByDeadChild)],
        ..blocked(On::PipeRead)
    });
    evidence
}

fn init() -> Evidence {
    let mut evidence = ran(leak());
    evidence.zombies.adopted = 3;
    evidence.zombies.forker = Some("sh".to_owned());
    evidence.zombies.forker_was_killed = true;
    evidence.place = Place::Pod {
        name: "shop/web-0/app".to_owned(),
        shares_pid_namespace: false,
    };
    facts(&mut evidence).own_number = Some((1, 1));
    evidence
}

fn subreaper() -> Evidence {
    let mut evidence = ran(leak());
    evidence.zombies.adopted = 3;
    evidence.zombies.forker = Some("sh".to_owned());
    evidence
}

fn waits_by_pid() -> Evidence {
    let mut evidence = waited(leak(), 9, 1);
    evidence.habits.asked = Some(Asked {
        process: 9,
        ..Asked::default()
    });
    evidence.habits.last_take_age_ns = Some(SECOND);
    facts(&mut evidence).looked_at[0].awaits = Some(Awaited::Process(55));
    evidence
}

fn one_wait_per_signal() -> Evidence {
    let mut evidence = reaped(waited(leak(), 5, 1), 5, 1);
    facts(&mut evidence).sigchld = Some(Sigchld {
        caught: true,
        ..Sigchld::default()
    });
    evidence.habits.asked = Some(Asked {
        any: 5,
        ..Asked::default()
    });
    evidence.habits.last_any_age_ns = evidence.habits.last_wait_age_ns;
    evidence.habits.last_take_age_ns = evidence.habits.last_wait_age_ns;
    evidence.since = Some(since(4, 4));
    evidence
}

#[test]
fn every_verdict_has_an_example() {
    let examples = examples();
    for (id, evidence) in &examples {
        let verdict = judge(evidence).map(|verdict| verdict.id);
        assert_eq!(verdict, Some(*id));
    }
    let named: Vec<_> = examples.iter().map(|(id, _)| *id).collect();
    assert_eq!(named, ids().collect::<Vec<_>>());
}
