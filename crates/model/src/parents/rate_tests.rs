//! What is a leak, and what only looks like one.

use super::tests::{World, is};

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_young_agent_does_not_divide_by_a_minute() {
    let mut world = World::new(16);
    for child in 0..10 {
        world.dies(1000 + child, 1, SECOND);
    }
    assert!(is(world.row(1, 2 * SECOND).leaked_per_second, 5.0));
}

#[test]
fn a_burst_is_no_leak() {
    let mut world = World::new(16);
    for child in 0..3 {
        world.dies(1000 + child, 1, SECOND);
    }
    assert!(is(world.row(1, 20 * SECOND).leaked_per_second, 0.0));
    world.dies(1003, 1, 21 * SECOND);
    assert!(world.row(1, 22 * SECOND).leaked_per_second > 0.0);
}

#[test]
fn a_parent_whose_zombies_become_fewer_does_not_leak() {
    let mut world = World::new(16);
    for child in 0..40 {
        world.dies(1000 + child, 1, SECOND);
    }
    world.dies(1040, 1, 25 * SECOND);
    assert!(world.row(1, 26 * SECOND).leaked_per_second > 0.0);
    for child in 0..3 {
        world.reaps(1, 1000 + child, 27 * SECOND);
    }
    assert!(is(world.row(1, 28 * SECOND).leaked_per_second, 0.0));
}
