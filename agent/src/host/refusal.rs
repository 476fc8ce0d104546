//! Why a file of another process cannot be read, and the missing capability.

use crate::probes;

/// The missing capability that would allow reading this file; `None` if none would, as with a
/// security module or a sandbox.
pub fn missing(path: &str) -> Option<&'static str> {
    probes::missing_to_read(path)
}

/// Why a file cannot be read: `reading /proc/42/fd needs CAP_SYS_PTRACE`.
pub fn words(what: &str) -> String {
    words_for(what, missing(what))
}

pub fn words_for(what: &str, missing: Option<&str>) -> String {
    match missing {
        Some(capability) => format!("reading {what} needs {capability}"),
        None => format!("{what} cannot be read, even with CAP_SYS_PTRACE"),
    }
}

/// `1 process`, `2 processes`.
pub fn processes(number: usize) -> String {
    match number {
        1 => "1 process".to_owned(),
        _ => format!("{number} processes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_named_only_where_it_is_missing() {
        let fd = "/proc/42/fd";
        assert!(words_for(fd, Some("CAP_SYS_PTRACE")).ends_with("needs CAP_SYS_PTRACE"));
        let refused = words_for(fd, None);
        assert!(
            refused.contains(fd) && !refused.contains("needs"),
            "{refused}"
        );
        assert_eq!(
            (processes(1), processes(2)),
            ("1 process".to_owned(), "2 processes".to_owned())
        );
    }
}
