//! What a host can lack so that nothing can be measured on it.

use super::btf::BtfError;

/// Why no death can be measured here. Each is one sentence with the fix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelError {
    /// Not allowed to load programs.
    #[error(
        "loading kernel probes needs root, or the capabilities BPF and PERFMON: run it with \
         sudo, or give the binary cap_bpf,cap_perfmon=ep with setcap"
    )]
    Privileges,
    /// Most processes of the machine cannot be seen from here.
    #[error(
        "this process is in a PID namespace of its own and sees only the processes in it: run it \
         on the host, or start its container with --pid=host (Docker) or hostPID: true \
         (Kubernetes); where the node is itself a container, as in kind, only running it on the \
         machine below helps"
    )]
    PidNamespace,
    /// /proc is missing or somebody else's.
    #[error(
        "/proc does not show this process, so it is missing or belongs to another PID namespace: \
         mount the host's with `mount -t proc proc /proc`, or start the container with \
         --pid=host (Docker) or hostPID: true (Kubernetes)"
    )]
    Proc,
    /// No types of the running kernel.
    #[error("{0}: this kernel must be built with CONFIG_DEBUG_INFO_BTF=y to be measured")]
    Btf(BtfError),
    /// A kernel of another shape.
    #[error(
        "this kernel's types lack {0}: please report it with the output of `reapwatch doctor` \
         and `uname -a`"
    )]
    Fields(String),
    /// The object does not load.
    #[error("cannot create the kernel side's maps: {0}")]
    Load(String),
    /// Maps and programs count as locked memory here, and so much is not to be had.
    #[error(
        "kernel probes need more locked memory than the {0} KiB that this process may have: give \
         it the capability SYS_RESOURCE, or raise the limit with `ulimit -l unlimited` or \
         LimitMEMLOCK=infinity"
    )]
    Memlock(u64),
    /// A transition without which nothing works.
    #[error("no hook for {0} attaches here ({1}): see `reapwatch doctor`")]
    Required(&'static str, String),
}

// No `source`: the sentence says it already, and printing the chain would say it twice.
impl From<BtfError> for KernelError {
    fn from(error: BtfError) -> Self {
        Self::Btf(error)
    }
}
