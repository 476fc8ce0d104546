//! Every verdict needs a test that follows its remedy.

use std::collections::BTreeSet;

use crate::{culprits, held, remedies, stuck};

/// Generated from the rules, and compared with them.
const DOCUMENT: &str = include_str!("../../../docs/verdicts.md");

#[test]
fn the_advice_of_every_verdict_is_followed_by_a_test() {
    let titles = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("### `"));
    let all: BTreeSet<_> = titles.map(|title| title.trim_end_matches('`')).collect();
    let followed: BTreeSet<_> = remedies::followed()
        .chain(held::followed())
        .chain(culprits::followed())
        .chain(stuck::followed())
        .collect();
    assert!(!all.is_empty());
    assert_eq!(all, followed);
}
