//! How a process waits for its dead children.

/// The wait calls of one process since its current program or the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Number of calls.
    pub calls: u64,
    /// When the last one began.
    pub last_ns: Option<u64>,
    /// Their arguments; `None` if those of any call could not be read.
    pub asked: Option<Asked>,
}

/// The arguments of wait calls that reap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Calls that accept any child.
    pub any: u64,
    /// Calls that accept one PID.
    pub process: u64,
    /// Calls that accept a process group.
    pub group: u64,
    /// Calls that accept the process of a pidfd.
    pub pidfd: u64,
    /// Calls that accept children whose death sends no SIGCHLD (`__WCLONE`).
    pub clones: u64,
    /// Calls that accept only children of the calling thread (`__WNOTHREAD`).
    pub of_thread: u64,
    /// Calls that only look (`WNOWAIT`).
    pub peeks: u64,
    /// The last call that would reap.
    pub last_take_ns: Option<u64>,
    /// The last one that accepts any child.
    pub last_any_ns: Option<u64>,
    /// The last one that only looks.
    pub last_peek_ns: Option<u64>,
    /// Arguments of the calls that only look.
    pub peeked: Peeked,
}

/// The arguments of wait calls that leave the zombie in place (`waitid` with `WNOWAIT`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peeked {
    /// For any child.
    pub any: u64,
    /// For one PID.
    pub process: u64,
    /// For a process group.
    pub group: u64,
    /// For the process of a pidfd.
    pub pidfd: u64,
    /// For children whose death sends no SIGCHLD.
    pub clones: u64,
    /// For children of the calling thread.
    pub of_thread: u64,
    /// The last one for any child.
    pub last_any_ns: Option<u64>,
    /// The target of the last call, if there was one.
    pub last: Option<Target>,
}

/// The target of a wait call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any child.
    Any,
    /// One PID, in the caller's PID namespace.
    Process(u32),
    /// A process group in the caller's PID namespace; 0 is the caller's own.
    Group(u32),
    /// The process of this file descriptor of the caller.
    Pidfd(u32),
    /// Children whose death sends no SIGCHLD (`__WCLONE`).
    Clones,
    /// Children of the calling thread (`__WNOTHREAD`).
    OfThread,
}
