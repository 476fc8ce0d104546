//! Label values: few, short, and safe to display.

use std::collections::BTreeMap;

use super::groups::Labels;
use super::sample::Holder;
use model::signals;

/// Number of parents with their own series.
const TOP_PARENTS: usize = 20;

/// For everything without its own series.
pub(super) const OTHER: &str = "~other";

/// For everything without a known workload.
pub(super) const UNATTRIBUTED: &str = "~unattributed";

/// Maximum length of a label value in bytes.
const MAX_BYTES: usize = 63;

/// The name of a signal. Real-time signals share one series: there are 33 of them, and each series
/// of a histogram takes more than a dozen lines.
pub(super) fn signal(number: u8) -> &'static str {
    signals::standard_name(number).unwrap_or(OTHER)
}

/// A name chosen by a process, made safe for a label: control characters are replaced, and it is
/// cut to [`MAX_BYTES`].
pub(super) fn clean(name: &str) -> String {
    let mut value = String::with_capacity(name.len().min(MAX_BYTES));
    for char in name.chars() {
        let char = if char.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            char
        };
        if value.len() + char.len_utf8() > MAX_BYTES {
            break;
        }
        value.push(char);
    }
    value
}

/// A path, made safe for a label. A long one keeps its end, which is more specific.
pub(super) fn tail(path: &str) -> String {
    let least = path.len().saturating_sub(MAX_BYTES);
    let mut ends = path.char_indices().map(|(at, _)| at);
    let from = ends.find(|&at| at >= least).unwrap_or(path.len());
    clean(&path[from..])
}

/// Sums parents with the same name and workload, and sums all but the first [`TOP_PARENTS`] under
/// [`OTHER`].
pub(super) fn top_parents(parents: &[Holder]) -> Vec<(Labels, String, u64)> {
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
    fn a_name_is_cut_at_a_whole_character() {
        assert_eq!(clean(&"x".repeat(80)), "x".repeat(63));
        assert_eq!(clean(&format!("{}é", "x".repeat(62))), "x".repeat(62));
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(clean("a\nb\u{1b}[31m\0"), "a\u{fffd}b\u{fffd}[31m\u{fffd}");
    }

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

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal(9), "SIGKILL");
        assert_eq!(signal(15), "SIGTERM");
        assert_eq!(signal(31), "SIGSYS");
        assert_eq!(signal(0), OTHER);
        assert_eq!(signal(34), OTHER);
    }
}
