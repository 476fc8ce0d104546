//! Which processes are visible: the agent's own PID namespace, and what is mounted at /proc.
//!
//! The kernel side sees every death on the machine, but the task iterator lists only the PID
//! namespace of the process that opens it
//! ([`init_seq_pidns`](https://elixir.bootlin.com/linux/v6.12/A/ident/init_seq_pidns)), and /proc
//! only the one it was mounted for. In any namespace other than the initial one, living processes
//! would be taken for dead.

use std::{fs, os::unix::fs::MetadataExt as _};

use super::error::KernelError;

/// Inode of the initial PID namespace
/// ([`PROC_PID_INIT_INO`](https://elixir.bootlin.com/linux/v6.12/A/ident/PROC_PID_INIT_INO)).
const INITIAL: u64 = 0xEFFF_FFFC;

/// The PID namespace that this process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PidNamespace {
    /// The initial one, with all processes of the machine.
    Initial,
    /// Another one, by its inode.
    Nested(u64),
    /// /proc does not list this process.
    Unknown,
}

impl PidNamespace {
    /// The namespace of this process.
    pub(crate) fn own() -> Self {
        let inode = fs::metadata("/proc/self/ns/pid").map(|file| file.ino());
        Self::of(inode.ok(), || fs::read_link("/proc/self").is_ok())
    }

    /// The namespace with this inode. A kernel without PID namespaces lists the process, but no
    /// namespace.
    fn of(inode: Option<u64>, is_shown: impl FnOnce() -> bool) -> Self {
        match inode {
            Some(INITIAL) => Self::Initial,
            Some(inode) => Self::Nested(inode),
            None if is_shown() => Self::Initial,
            None => Self::Unknown,
        }
    }

    /// # Errors
    /// If most processes of the machine are invisible.
    pub(super) fn check(self) -> Result<(), KernelError> {
        match self {
            Self::Initial => Ok(()),
            Self::Nested(_) => Err(KernelError::PidNamespace),
            Self::Unknown => Err(KernelError::Proc),
        }
    }
}

/// What /proc hides from this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Processes of other users, because of this mount option.
    pub(crate) others: Option<String>,
    /// Everything except processes: `subset=pid`.
    pub(crate) all_else: bool,
}

impl Hidden {
    /// What is hidden now.
    pub(crate) fn now() -> Self {
        // Every machine has a process 1.
        let others = fs::read("/proc/1/stat").is_err().then(|| {
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            hidepid(&mounts).unwrap_or("hidepid").to_owned()
        });
        Self {
            others,
            all_else: fs::metadata("/proc/loadavg").is_err(),
        }
    }
}

/// The option of the topmost mount at /proc, as `/proc/self/mountinfo` lists them.
fn hidepid(mounts: &str) -> Option<&str> {
    let of_proc = mounts.lines().rev().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let is_proc = mount.split(' ').nth(4) == Some("/proc");
        is_proc.then_some(file_system)
    })?;
    let options = of_proc.split(' ').nth(2)?.split(',');
    options.into_iter().find(|it| it.starts_with("hidepid="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_initial_namespace_shows_every_process() {
        for (inode, is_shown, expected) in [
            (Some(INITIAL), true, PidNamespace::Initial),
            (
                Some(4_026_532_198),
                true,
                PidNamespace::Nested(4_026_532_198),
            ),
            (None, true, PidNamespace::Initial),
            (None, false, PidNamespace::Unknown),
        ] {
            let found = PidNamespace::of(inode, || is_shown);
            assert_eq!(found, expected);
            assert_eq!(found.check().is_ok(), expected == PidNamespace::Initial);
        }
    }

    #[test]
    fn the_option_of_the_topmost_proc_is_named() {
        let below = "22 1 0:5 / /proc rw,relatime - proc proc rw,hidepid=invisible\n";
        let other = "30 22 0:9 / /proc/sys rw - proc proc rw,hidepid=noaccess\n";
        assert_eq!(
            hidepid(&format!("{below}{other}")),
            Some("hidepid=invisible")
        );
        let above = "31 22 0:9 / /proc rw shared:5 - proc none rw\n";
        assert_eq!(hidepid(&format!("{below}{above}")), None);
        assert_eq!(hidepid(""), None);
    }
}
