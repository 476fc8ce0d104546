use std::collections::BTreeMap;

use crate::metrics::{
    labels::{Labels, OTHER, clean},
    metric::{Kind, Metric},
    sample::Holder,
};

/// Number of parents with their own series.
const TOP_PARENTS: usize = 20;

pub(super) const METRIC: Metric = Metric {
    name: "parent_stale_zombies",
    help: "Stale zombies by the name and workload of the process that has to reap them: the 20 \
           with the most, the rest summed under ~other.",
    labels: &["namespace", "pod", "container", "unit", "comm"],
    kind: Kind::Gauge(|scrape, series| {
        for (workload, comm, zombies) in top_parents(&scrape.sample.parents) {
            series.of_and(&workload, &comm, zombies as f64);
        }
    }),
};

/// Sums parents with the same name and workload, and sums all but the first [`TOP_PARENTS`] under
/// [`OTHER`].
fn top_parents(parents: &[Holder]) -> Vec<(Labels, String, u64)> {
    let rest_of_all = || (Labels::all(OTHER), OTHER.to_owned());
    let mut by_name = BTreeMap::<_, u64>::new();
    for holder in parents.iter().filter(|holder| holder.zombies > 0) {
        let name = (holder.workload.clone(), clean(&holder.comm));
        *by_name.entry(name).or_default() += holder.zombies;
    }
    // A program may have this name; it must not take over the series of the rest.
    let mut rest = by_name.remove(&rest_of_all()).unwrap_or_default();
    let mut top: Vec<_> = by_name.into_iter().collect();
    top.sort_by(|(one, fewer), (other, more)| more.cmp(fewer).then_with(|| one.cmp(other)));
    rest += top
        .drain(TOP_PARENTS.min(top.len())..)
        .map(|(_, zombies)| zombies)
        .sum::<u64>();
    if rest > 0 {
        top.push((rest_of_all(), rest));
    }
    let flat = |((workload, comm), zombies)| (workload, comm, zombies);
    top.into_iter().map(flat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_first_parent_counts_under_other() {
        let holder = |workload: &str, comm: &str, zombies| Holder {
            workload: Labels::all(workload),
            comm: comm.to_owned(),
            zombies,
        };
        let mut parents: Vec<_> = (1..=22)
            .map(|n| holder("a", &format!("p{n:02}"), n))
            .collect();
        parents.push(holder("a", "p22", 5));
        parents.push(holder("b", "p22", 4));
        parents.push(holder(OTHER, OTHER, 7));
        let top = top_parents(&parents);
        assert_eq!(top.len(), 21);
        assert_eq!(top[0], (Labels::all("a"), "p22".to_owned(), 27));
        assert_eq!(top[19], (Labels::all("b"), "p22".to_owned(), 4));
        let rest = 1 + 2 + 3 + 7;
        assert_eq!(top[20], (Labels::all(OTHER), OTHER.to_owned(), rest));
    }
}
