//! A terminating signal that had no effect, and whether another process waits for the target to exit.
//! Pure.

use crate::culprit::evidence::Place;
use crate::events::Comm;

const SIGINT: u8 = 2;
const SIGQUIT: u8 = 3;
const SIGTERM: u8 = 15;
/// `SIGRTMIN+3`, as libc counts: it stops a systemd that is PID 1 of a container.
const SIGRTMIN_3: u8 = 37;

/// How long a process is assumed to wait after the sender has exited: longer than grace periods.
const GONE_NS: u64 = 3_600_000_000_000;

/// Names, or how they begin, of programs that stop others and then wait for them. The kernel cuts
/// names at 15 bytes.
const MANAGERS: [&str; 22] = [
    "runc",
    "crun",
    "youki",
    "runsc",
    "containerd",
    "docker",
    "conmon",
    "podman",
    "crio",
    "kubelet",
    "systemd",
    "init",
    "s6-",
    "runsv",
    "supervisord",
    "tini",
    "dumb-init",
    "catatonit",
    "start-stop-daem",
    "timeout",
    "monit",
    "circusd",
];

/// A terminating signal that its target ignored, or that the kernel dropped for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub signal: String,
    /// Its sender.
    pub sender: (u32, String),
    /// How long ago the first one was sent.
    pub first_ago_ns: u64,
    /// How often it was seen to be sent.
    pub times: u32,
    /// What became of it.
    pub fate: Fate,
    /// Whether the target is in a PID namespace of its own.
    pub in_namespace: bool,
    /// Why a process is evidently waiting for the target to exit.
    pub awaited: Option<Awaited>,
    /// What the target belongs to.
    pub place: Place,
}

/// Why a terminating signal does not end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The process has SIG_IGN for it.
    ByChoice,
    /// The kernel dropped it for an init without a handler.
    AsInit,
    /// It is pending: the process blocks it.
    Blocked,
    /// It is pending: the process is stopped, and handles it when resumed.
    Stopped,
    /// The same, by a tracer.
    Traced,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ByChoice,
        Self::AsInit,
        Self::Blocked,
        Self::Stopped,
        Self::Traced,
    ];

    /// Where it leaves the process, instead of a step of an exit: name and description.
    pub fn step(self) -> (&'static str, &'static str) {
        match self {
            Self::ByChoice | Self::AsInit => ("term_ignored", "running: it ignored the signal"),
            Self::Blocked => (
                "signal_blocked",
                "running: it blocks the signal, which is pending",
            ),
            Self::Stopped => (
                "stopped",
                "stopped: the signal is pending until it is continued",
            ),
            Self::Traced => (
                "stopped_by_tracer",
                "stopped by its tracer: the signal is pending until it is continued",
            ),
        }
    }

    /// Of a pending signal, which the first thread has `blocked` or not, in a process with threads in
    /// these states; `None` if it will be handled soon.
    pub fn of_pending(blocked: bool, threads: &[char]) -> Option<Self> {
        let all = |letters: &[char]| threads.iter().all(|state| letters.contains(state));
        match threads {
            [] => None,
            _ if all(&['T']) => Some(Self::Stopped),
            _ if all(&['T', 't']) => Some(Self::Traced),
            _ => blocked.then_some(Self::Blocked),
        }
    }
}

/// Which process waits for the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The sender is alive and in a wait call for it.
    BySender,
    /// The sender is a process manager, which stops other processes.
    ByManager,
    /// The same signal was sent again.
    Again,
}

/// What snapshots show of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// Its number.
    pub signal: u8,
    /// Name of the sender.
    pub sender: Comm,
    /// How often it was seen to be sent.
    pub times: u32,
    /// How long ago the last one was sent.
    pub last_ago_ns: u64,
    /// Whether the sender is alive.
    pub sender_lives: bool,
    /// Whether the sender is in a wait call for it; `None` if that was not checked.
    pub sender_waits: Option<bool>,
}

impl Hints {
    /// Whether it is worth a closer look.
    pub fn is_relevant(&self) -> bool {
        is_asking_to_end(self.signal) && (self.sender_lives || self.awaited().is_some())
    }

    /// Why a process waits for the exit; `None` if nothing shows that.
    pub fn awaited(&self) -> Option<Awaited> {
        if !is_asking_to_end(self.signal) {
            return None;
        }
        let recent = self.sender_lives || self.last_ago_ns <= GONE_NS;
        if self.sender_lives && self.sender_waits == Some(true) {
            Some(Awaited::BySender)
        } else if recent && is_manager(&self.sender.text()) {
            Some(Awaited::ByManager)
        } else if recent && self.times > 1 {
            Some(Awaited::Again)
        } else {
            None
        }
    }
}

/// Not SIGHUP, which is ignored by habit (nohup), nor those that ask for something else.
fn is_asking_to_end(signal: u8) -> bool {
    matches!(signal, SIGINT | SIGQUIT | SIGTERM | SIGRTMIN_3)
}

fn is_manager(comm: &str) -> bool {
    // Other names begin with `init` too.
    let whole = ["init", "timeout", "monit"];
    if whole.contains(&comm) {
        return true;
    }
    let mut managers = MANAGERS.iter().filter(|name| !whole.contains(name));
    managers.any(|name| comm.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_signal_is_blocked_or_the_process_is_stopped() {
        assert_eq!(Fate::of_pending(true, &['S', 'S']), Some(Fate::Blocked));
        assert_eq!(Fate::of_pending(false, &['T', 'T']), Some(Fate::Stopped));
        assert_eq!(Fate::of_pending(false, &['t']), Some(Fate::Traced));
        // It is handled soon.
        assert_eq!(Fate::of_pending(false, &['R']), None);
    }

    const HINTS: Hints = Hints {
        signal: SIGTERM,
        sender: Comm::new("runc".as_bytes()),
        times: 1,
        last_ago_ns: 10_000_000_000,
        sender_lives: false,
        sender_waits: None,
    };

    #[test]
    fn a_container_runtime_that_sends_sigterm_waits_for_the_exit() {
        assert_eq!(HINTS.awaited(), Some(Awaited::ByManager));
        for sender in ["containerd-shim", "systemd", "s6-svc", "timeout", "init"] {
            let hints = Hints {
                sender: sender.into(),
                ..HINTS
            };
            assert_eq!(hints.awaited(), Some(Awaited::ByManager), "{sender}");
        }
        let long_ago = Hints {
            last_ago_ns: GONE_NS + 1,
            ..HINTS
        };
        assert_eq!(long_ago.awaited(), None);
    }

    #[test]
    fn other_senders_count_only_if_they_wait() {
        let shell = Hints {
            sender: Comm::new("bash".as_bytes()),
            ..HINTS
        };
        assert_eq!((shell.awaited(), shell.is_relevant()), (None, false));
        let lives = Hints {
            sender_lives: true,
            ..shell
        };
        assert_eq!((lives.awaited(), lives.is_relevant()), (None, true));
        let waits = Hints {
            sender_waits: Some(true),
            ..lives
        };
        assert_eq!(waits.awaited(), Some(Awaited::BySender));
        let again = Hints { times: 2, ..shell };
        assert_eq!(again.awaited(), Some(Awaited::Again));
        let initdb = Hints {
            sender: Comm::new("initdb".as_bytes()),
            ..HINTS
        };
        assert_eq!(initdb.awaited(), None);
    }

    #[test]
    fn signals_that_are_often_ignored_are_no_request_to_exit() {
        for signal in [1, 10, 12, 13] {
            let hints = Hints {
                signal,
                times: 9,
                sender_lives: true,
                sender_waits: Some(true),
                ..HINTS
            };
            assert_eq!((hints.awaited(), hints.is_relevant()), (None, false));
        }
    }
}
