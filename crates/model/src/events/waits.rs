//! How a process asks for its dead children.

/// The wait calls that one process made as the program that it runs now, since the agent came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// All of them.
    pub calls: u64,
    /// When the last one began.
    pub last_ns: Option<u64>,
    /// What they asked for; `None` where the arguments of any could not be read.
    pub asked: Option<Asked>,
}

/// What wait calls asked for, of those that look for the dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Calls that would take any child.
    pub any: u64,
    /// Calls that would take one process, by its number.
    pub process: u64,
    /// Calls that would take processes of one group.
    pub group: u64,
    /// Calls that would take the process of a pidfd.
    pub pidfd: u64,
    /// Calls that would take children whose death sends no SIGCHLD (`__WCLONE`).
    pub clones: u64,
    /// Calls that would take children of the calling thread (`__WNOTHREAD`).
    pub of_thread: u64,
    /// Calls that look and leave the dead (`WNOWAIT`).
    pub peeks: u64,
    /// The last call that would take somebody.
    pub last_take_ns: Option<u64>,
    /// The last that would take any child.
    pub last_any_ns: Option<u64>,
    /// The last that would only look.
    pub last_peek_ns: Option<u64>,
    /// What those asked for that would only look.
    pub peeked: Peeked,
}

/// What calls asked for that look at the dead and leave them (`waitid` with `WNOWAIT`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peeked {
    /// For any child.
    pub any: u64,
    /// For one process, by its number.
    pub process: u64,
    /// For processes of one group.
    pub group: u64,
    /// For the process of a pidfd.
    pub pidfd: u64,
    /// For children whose death sends no SIGCHLD.
    pub clones: u64,
    /// For children of the calling thread.
    pub of_thread: u64,
    /// The last one for any child.
    pub last_any_ns: Option<u64>,
    /// For whom the very last one asked, if there was one.
    pub last: Option<Target>,
}

/// For whom a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any child.
    Any,
    /// One process, by the number that the caller's PID namespace has for it.
    Process(u32),
    /// A process group, numbered likewise; 0 is the caller's own.
    Group(u32),
    /// The process of this descriptor of the caller.
    Pidfd(u32),
    /// Children whose death sends no SIGCHLD (`__WCLONE`).
    Clones,
    /// Children of the calling thread (`__WNOTHREAD`).
    OfThread,
}
