//! The number of a process.

/// Inode number of the initial PID namespace, where a process' PID is its tgid:
/// [`PROC_PID_INIT_INO`](https://elixir.bootlin.com/linux/v6.12/A/ident/PROC_PID_INIT_INO).
pub(crate) const INITIAL_NAMESPACE: u32 = 0xEFFF_FFFC;

/// The PID of a process in one PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamespacePid {
    /// Inode number of the namespace.
    pub namespace: u32,
    /// The PID in it.
    pub nr: u32,
}
