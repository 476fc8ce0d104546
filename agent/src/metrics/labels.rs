//! Label values: few, short, and safe to display.

use std::sync::Arc;

use crate::invisible::is_invisible;
use model::signals;
use model::workload::Workload;

/// For everything without its own series.
pub(super) const OTHER: &str = "~other";

/// For everything without a known workload.
pub(super) const UNATTRIBUTED: &str = "~unattributed";

/// Maximum length of a label value in bytes.
const MAX_BYTES: usize = 63;

/// The values of a group's labels: namespace, pod, container, unit.
///
/// They are one text, since a comparison of four, of which most are empty, takes many times longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<str>);

/// Between the values of [`Labels`]; [`clean`] leaves none inside of them.
const SEPARATOR: char = '\0';

impl Labels {
    /// The labels of a workload; `~unattributed` if there is none, or if only its id is known.
    pub fn of(workload: Option<&Workload>) -> Self {
        let Some(workload) = workload.filter(|it| it.cgroup.is_some()) else {
            return Self::all(UNATTRIBUTED);
        };
        Self::join([
            workload.namespace(),
            workload.pod(),
            workload.container(),
            workload.place.unit.as_deref(),
        ])
    }

    /// The labels of something without a workload, such as the node.
    pub fn none() -> Self {
        Self::all("")
    }

    pub(super) fn all(value: &str) -> Self {
        Self::join([Some(value); 4])
    }

    fn join(values: [Option<&str>; 4]) -> Self {
        let mut text = String::new();
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                text.push(SEPARATOR);
            }
            push_clean(&mut text, value.unwrap_or_default());
        }
        Self(text.into())
    }

    pub(super) fn values(&self) -> [&str; 4] {
        let mut values = self.0.split(SEPARATOR);
        [(); 4].map(|()| values.next().unwrap_or_default())
    }

    pub(super) fn is_unattributed(&self) -> bool {
        self.values() == [UNATTRIBUTED; 4]
    }

    pub(super) fn is_special(&self) -> bool {
        self.is_unattributed() || self.values() == [OTHER; 4]
    }
}

/// The name of a signal. Real-time signals share one series: there are 33 of them, and each series
/// of a histogram takes more than a dozen lines.
pub(super) fn signal(number: u8) -> &'static str {
    signals::standard_name(number).unwrap_or(OTHER)
}

/// A name chosen by a process, made safe for a label: invisible characters are replaced, and it is
/// cut to [`MAX_BYTES`].
pub(super) fn clean(name: &str) -> String {
    let mut value = String::with_capacity(name.len().min(MAX_BYTES));
    push_clean(&mut value, name);
    value
}

/// Appends a name, made safe as by [`clean`].
fn push_clean(text: &mut String, name: &str) {
    let most = text.len() + MAX_BYTES;
    for char in name.chars() {
        let char = if is_invisible(char) {
            char::REPLACEMENT_CHARACTER
        } else {
            char
        };
        if text.len() + char.len_utf8() > most {
            break;
        }
        text.push(char);
    }
}

/// A path, made safe for a label. A long one keeps its end, which is more specific.
pub(super) fn tail(path: &str) -> String {
    let least = path.len().saturating_sub(MAX_BYTES);
    let mut ends = path.char_indices().map(|(at, _)| at);
    let from = ends.find(|&at| at >= least).unwrap_or(path.len());
    clean(&path[from..])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::workload::Place;

    /// The labels of a systemd unit.
    pub(in crate::metrics) fn unit(name: &str) -> Labels {
        Labels::of(Some(&Workload {
            cgroup: Some(format!("/{name}")),
            place: Place {
                unit: Some(name.to_owned()),
                ..Place::default()
            },
            ..Workload::default()
        }))
    }

    #[test]
    fn a_name_is_cut_at_a_whole_character() {
        assert_eq!(clean(&"x".repeat(80)), "x".repeat(63));
        assert_eq!(clean(&format!("{}é", "x".repeat(62))), "x".repeat(62));
    }

    #[test]
    fn invisible_characters_are_replaced() {
        assert_eq!(
            clean("a\u{202e}b\u{2066}\u{feff}c"),
            "a\u{fffd}b\u{fffd}\u{fffd}c"
        );
        assert_eq!(clean("a\nb\u{1b}[31m\0"), "a\u{fffd}b\u{fffd}[31m\u{fffd}");
    }

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal(9), "SIGKILL");
        assert_eq!(signal(15), "SIGTERM");
        assert_eq!(signal(31), "SIGSYS");
        assert_eq!(signal(0), OTHER);
        assert_eq!(signal(34), OTHER);
    }

    #[test]
    fn a_bare_cgroup_id_is_unattributed() {
        let bare = Workload {
            cgroup_id: None,
            ..Workload::default()
        };
        assert_eq!(Labels::of(Some(&bare)), Labels::all(UNATTRIBUTED));
        assert_eq!(Labels::of(None), Labels::all(UNATTRIBUTED));
        let root = Workload {
            cgroup: Some("/".to_owned()),
            ..bare
        };
        assert_eq!(Labels::of(Some(&root)), Labels::all(""));
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        let labels = unit(&format!("a\n{}", "x".repeat(80)));
        let unit = labels.values()[3];
        assert_eq!(unit.len(), 63);
        assert!(unit.starts_with("a\u{fffd}x"));
    }
}
