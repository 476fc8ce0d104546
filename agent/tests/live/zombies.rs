//! Current zombies.

use std::collections::HashMap;
use std::time::Duration;

use scenarios::clock::now_ns;

use crate::agent::{Agent, eventually, view};
use crate::compare::{assert_within, exit, seconds};
use crate::scenario::Leak;
use api::Zombie;

/// Between the agent's reading of the clock and ours lie a socket and a process start; the
/// bounds below are taken around both, so this is only for rounding.
const ROUNDING: f64 = 0.0001;

fn of(zombies: Vec<Zombie>, parent: u32) -> HashMap<u32, Zombie> {
    let is_ours = |zombie: &Zombie| zombie.parent.as_ref().is_some_and(|by| by.pid == parent);
    zombies
        .into_iter()
        .filter(is_ours)
        .map(|zombie| (zombie.pid, zombie))
        .collect()
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn zombies_are_listed_exactly_with_parent_and_age() {
    let agent = Agent::start(&[]);
    let leak = Leak::start(300);
    let mut listed = HashMap::new();
    let mut asked = 0;
    eventually(|| {
        asked = now_ns();
        listed = of(agent.zombies().items, leak.pid());
        listed.len() >= 300
    });
    let answered = now_ns();
    assert_eq!(listed.len(), 300);
    for truth in &leak.truths {
        let zombie = listed
            .get(&truth.pid)
            .unwrap_or_else(|| panic!("{truth:?} is missing"));
        let context = format!("{truth:#?}\n{zombie:#?}");
        assert_eq!(
            (&zombie.comm, &zombie.exit),
            (&truth.comm, &Some(exit(truth.exit)))
        );
        assert_eq!(
            zombie.forker.as_ref().map(|by| by.pid),
            Some(truth.forker),
            "{context}"
        );
        assert!(!zombie.age_is_lower_bound, "{context}");
        assert_within(zombie.died_at, truth.died_at, "died_at", &context);
        let least = seconds(asked, truth.died_at.not_after_ns) - ROUNDING;
        let most = seconds(answered, truth.died_at.not_before_ns) + ROUNDING;
        assert!(
            (least..=most).contains(&zombie.zombie_seconds.0),
            "{least} {most} {context}"
        );
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn zombies_older_than_the_agent_have_an_age_at_least() {
    let leak = Leak::start(20);
    std::thread::sleep(Duration::from_millis(300));
    let before_agent = now_ns();
    let agent = Agent::start(&[]);
    let asked = now_ns();
    let listed = of(agent.zombies().items, leak.pid());
    assert_eq!(listed.len(), 20);
    for truth in &leak.truths {
        let zombie = &listed[&truth.pid];
        assert!(zombie.age_is_lower_bound, "{zombie:#?}");
        assert_eq!(zombie.died_at, None, "{zombie:#?}");
        assert_eq!(zombie.exit, Some(exit(truth.exit)), "{zombie:#?}");
        assert!(zombie.zombie_seconds <= seconds(now_ns(), truth.died_at.not_before_ns));
        // The scheduler's statistics include the time before the agent.
        assert!(
            zombie.zombie_seconds > seconds(asked, before_agent),
            "{zombie:#?}"
        );
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn zombies_of_a_dead_parent_move_to_their_adopter_or_go() {
    let agent = Agent::start(&[]);
    let leak = Leak::start(5);
    let (parent, pids) = (leak.pid(), leak.truths.iter().map(|truth| truth.pid));
    let pids: Vec<u32> = pids.collect();
    assert!(eventually(|| of(agent.zombies().items, parent).len() == 5));
    drop(leak);
    assert!(
        eventually(|| of(agent.zombies().items, parent).is_empty()),
        "no process adopted them"
    );
    let left = || {
        agent
            .zombies()
            .items
            .into_iter()
            .filter(|zombie| pids.contains(&zombie.pid))
    };
    let orphan = |zombie: &Zombie| zombie.parent.as_ref().is_none_or(|by| by.pid != parent);
    assert!(left().all(|zombie| orphan(&zombie)));
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn fail_sets_the_exit_status_if_there_are_zombies() {
    let agent = Agent::start(&[]);
    let leak = Leak::start(1);
    assert!(eventually(
        || of(agent.zombies().items, leak.pid()).len() == 1
    ));
    assert_eq!(
        view(&["zombies", "--fail"], agent.socket()).status.code(),
        Some(3)
    );
    assert_eq!(view(&["zombies"], agent.socket()).status.code(), Some(0));
}
