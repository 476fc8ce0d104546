//! Names of signals, as kill(1) lists them.

/// Linux numbers them alike on every architecture that is built for here.
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

/// `SIGKILL` of 9; `None` of the real-time signals.
pub fn standard_name(signal: u8) -> Option<&'static str> {
    let index = usize::from(signal).checked_sub(1)?;
    NAMES.get(index).copied()
}

/// `SIGKILL` of 9, `SIGRTMIN+3` of 37, `SIG32` of what the C library keeps to itself.
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
