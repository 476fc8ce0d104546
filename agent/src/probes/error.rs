//! Reasons why nothing can be measured on a host.

use std::io;

use btf::BtfError;

/// An error of aya with its causes. By itself it names only the call that failed.
pub(super) fn with_causes(error: impl Into<anyhow::Error>) -> io::Error {
    io::Error::other(format!("{:#}", error.into()))
}

/// Why no death can be measured here. Each is one sentence with the fix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelError {
    /// Missing permission to load programs.
    #[error("loading kernel probes needs root, or the capabilities BPF and PERFMON: {0}")]
    Privileges(&'static str),
    /// Most processes of the machine are invisible from here.
    #[error(
        "this process is in its own PID namespace and sees only the processes in it: run it on the \
         host, or start its container with --pid=host (Docker) or hostPID: true (Kubernetes); if \
         the node is itself a container, as in kind, run it on the machine underneath"
    )]
    PidNamespace,
    /// /proc is missing or of another PID namespace.
    #[error(
        "/proc does not list this process, so it is missing or belongs to another PID namespace: \
         mount the host's with `mount -t proc proc /proc`, or start the container with --pid=host \
         (Docker) or hostPID: true (Kubernetes)"
    )]
    Proc,
    /// The running kernel's types are not available.
    #[error("{0}: this kernel must be built with CONFIG_DEBUG_INFO_BTF=y")]
    Btf(BtfError),
    /// The kernel's structs are not as expected.
    #[error(
        "this kernel's types lack {0}: please report it with the output of `reapwatch doctor` and \
         `uname -a`"
    )]
    Fields(String),
    /// The object does not load.
    #[error("cannot create the BPF maps: {0}")]
    Load(String),
    /// Maps and programs count as locked memory on this kernel, and the limit is too low.
    #[error(
        "kernel probes need more locked memory than the limit of {0} KiB allows: add the \
         capability SYS_RESOURCE, or raise the limit with `ulimit -l unlimited` or \
         LimitMEMLOCK=infinity"
    )]
    Memlock(u64),
    /// A required transition has no hook.
    #[error("no hook for {0} attaches on this kernel ({1}): see `reapwatch doctor`")]
    Required(&'static str, String),
}

// No `source`, because the sentence already contains it and the chain would repeat it.
impl From<BtfError> for KernelError {
    fn from(error: BtfError) -> Self {
        Self::Btf(error)
    }
}
