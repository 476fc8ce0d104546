//! Sentences on the other processes of a frozen cgroup, which a thaw resumes too.

use crate::culprit::evidence::Frozen;
use crate::words::named;

/// The other processes that are frozen, as the end of a sentence on the cgroup.
pub(crate) fn with(others: &Frozen) -> String {
    match others.others {
        0 => " and contains no other process".to_owned(),
        _ => format!(" and also contains {}", number(others)),
    }
}

/// The other processes that a thaw resumes, as the end of a sentence on the thaw.
pub(crate) fn resumes(others: &Frozen) -> String {
    match others.others {
        0 => String::new(),
        _ => format!(", which also resumes {}", number(others)),
    }
}

/// `2 other processes (a (PID 1), b (PID 2))`.
fn number(others: &Frozen) -> String {
    let least = if others.is_lower_bound {
        "at least "
    } else {
        ""
    };
    let processes = if others.others == 1 {
        "process"
    } else {
        "processes"
    };
    let mut some: Vec<_> = others
        .some
        .iter()
        .map(|(pid, comm)| named(*pid, comm))
        .collect();
    if others.others > some.len() as u64 {
        some.push("…".to_owned());
    }
    format!(
        "{least}{} other {processes} ({})",
        others.others,
        some.join(", ")
    )
}
