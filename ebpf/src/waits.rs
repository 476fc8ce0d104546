//! What the kernel side keeps of the wait calls of a process.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Which children a wait call asks for: indexes of [`Waits::takes`] and [`Waits::peeks`].
pub mod asked {
    /// Any child that an ordinary wait sees.
    pub const ANY: usize = 0;
    /// One process, by its number.
    pub const PROCESS: usize = 1;
    /// The processes of one group.
    pub const GROUP: usize = 2;
    /// The process of a pidfd.
    pub const PIDFD: usize = 3;
    /// Only children whose death sends no SIGCHLD (`__WCLONE`).
    pub const CLONES: usize = 4;
    /// Only children of the calling thread (`__WNOTHREAD`).
    pub const OF_THREAD: usize = 5;
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// The calls of wait4, waitid and waitpid that one process made as the program that it runs now,
/// since the agent came.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
pub struct Waits {
    /// All of them.
    pub calls: u64,
    /// When the last one began.
    pub last_ns: u64,
    /// The last one that would take a dead child.
    pub last_take_ns: u64,
    /// The last of those that asked for any child.
    pub last_any_ns: u64,
    /// How many would take a dead child, by [`asked`].
    pub takes: [u64; asked::COUNT],
    /// How many would look at a dead child and leave it (`WNOWAIT`), by [`asked`].
    pub peeks: [u64; asked::COUNT],
    /// The last of those.
    pub last_peek_ns: u64,
    /// The last of them that asked for any child.
    pub last_any_peek_ns: u64,
    /// What the last of them asked for, by [`asked`].
    pub last_peek_kind: u32,
    /// Its second argument: a PID or a process group as the caller's namespace numbers them (0 is
    /// the caller's own group), or a descriptor.
    pub last_peek_id: u32,
    /// Those whose arguments could not be read: of 32-bit programs.
    pub unknown: u64,
}

impl Waits {
    /// Before the first call.
    pub const NONE: Self = Self {
        calls: 0,
        last_ns: 0,
        last_take_ns: 0,
        last_any_ns: 0,
        takes: [0; asked::COUNT],
        peeks: [0; asked::COUNT],
        last_peek_ns: 0,
        last_any_peek_ns: 0,
        last_peek_kind: 0,
        last_peek_id: 0,
        unknown: 0,
    };
}
