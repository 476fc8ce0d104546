//! `clone3` for children with a copy of this process's memory, as after fork.

use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

/// The child is released at its death, whatever its parent does (Linux 7.1,
/// <https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/sched.h>).
pub const CLONE_AUTOREAP: u64 = 1 << 34;

/// The child cannot gain privileges; without that or `CAP_SYS_ADMIN` the next one is refused
/// (Linux 7.1, as above).
pub const CLONE_NNP: u64 = 1 << 35;
/// The child is killed when the last copy of its pidfd is closed (Linux 7.1, as above).
pub const CLONE_PIDFD_AUTOKILL: u64 = 1 << 36;

/// How to clone; by default the child's death sends no signal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clone3 {
    /// `CLONE_…`, but none that shares memory or makes a thread.
    pub flags: u64,
    /// The signal that the parent receives at its death.
    pub exit_signal: i32,
}

impl Clone3 {
    /// 0 in the child, its PID in the parent, which gets a pidfd if it asked for one.
    pub(crate) fn call(self) -> nix::Result<(i32, Option<OwnedFd>)> {
        let mut pidfd = -1;
        let shared = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND;
        assert_eq!(
            self.flags & shared as u64,
            0,
            "the child has its own memory"
        );
        // SAFETY: zeroes are arguments that ask for nothing.
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.flags = self.flags;
        args.exit_signal = self.exit_signal as u64;
        args.pidfd = (&raw mut pidfd).addr() as u64;
        let size = size_of::<libc::clone_args>();
        // SAFETY: the arguments have the given size, the kernel may write the pidfd, and without
        // shared memory or a stack of its own the child is a fork's child; this program has one
        // thread whenever it forks.
        let child = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size) };
        let child = Errno::result(child)? as i32;
        // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
        let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
        Ok((child, pidfd))
    }
}
