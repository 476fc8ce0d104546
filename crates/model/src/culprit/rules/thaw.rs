//! What else a thaw resumes, in plain words.

use crate::culprit::evidence::Frozen;
use crate::stuck::rules::words::named;

/// Who is frozen with a process, as the end of a sentence on its cgroup.
pub(crate) fn with(others: &Frozen) -> String {
    match others.others {
        0 => ", with this process alone in it".to_owned(),
        _ => format!(", with {} in it", number(others)),
    }
}

/// Who else goes on with it, as the end of a sentence on the thaw.
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
