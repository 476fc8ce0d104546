//! Signal names, as in kill(1).

/// Linux uses the same numbers on every architecture that reapwatch is built for.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The first real-time signal that glibc leaves to programs.
const RTMIN: u8 = 34;

/// `SIGKILL` for 9; `None` for real-time signals.
pub fn standard_name(signal: u8) -> Option<&'static str> {
    let index = usize::from(signal).checked_sub(1)?;
    NAMES.get(index).copied()
}

/// `SIGKILL` for 9, `SIGRTMIN+3` for 37, `SIG32` for those reserved by the C library.
pub fn name(signal: u8) -> String {
    match standard_name(signal) {
        Some(name) => name.to_owned(),
        None if (RTMIN..=64).contains(&signal) => format!("SIGRTMIN+{}", signal - RTMIN),
        None => format!("SIG{signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kill() {
        for (number, expected) in [
            (9, "SIGKILL"),
            (15, "SIGTERM"),
            (17, "SIGCHLD"),
            (31, "SIGSYS"),
            (37, "SIGRTMIN+3"),
        ] {
            assert_eq!(name(number), expected);
        }
        assert_eq!(name(0), "SIG0");
        assert_eq!(name(32), "SIG32");
    }
}
