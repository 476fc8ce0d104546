//! The file system of a descriptor, as the mounts of its process say. I/O.

use std::fs;

use super::descriptor::Info;
use crate::proc;

/// File systems whose server is another machine.
const NETWORK: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs"];

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    id: u64,
    pub(super) kind: String,
    /// Such as `server:/export on /mnt`.
    pub(super) words: String,
}

impl Mount {
    /// `proc_pid_mountinfo(5)`.
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<_> = line.split(|&byte| byte == b' ').collect();
        let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
        let shown =
            |field: &[u8]| proc::name_of(proc::mount_path(field).as_os_str().as_encoded_bytes());
        let (kind, source) = (fields.get(dash + 1)?, fields.get(dash + 2)?);
        Some(Self {
            id: std::str::from_utf8(fields[0]).ok()?.parse().ok()?,
            kind: String::from_utf8_lossy(kind).into_owned(),
            words: format!("{} on {}", shown(source), shown(fields[4])),
        })
    }

    pub(super) fn is_network(&self) -> bool {
        NETWORK.contains(&self.kind.as_str())
    }

    pub(super) fn is_fuse(&self) -> bool {
        self.kind == "fuse" || self.kind.starts_with("fuse.") || self.kind == "virtiofs"
    }
}

/// All that a thread sees.
pub(super) fn seen_by(root: &str) -> Vec<Mount> {
    let text = fs::read(format!("{root}/mountinfo")).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(Mount::parse).collect()
}

/// That of a descriptor.
pub(super) fn of_descriptor(root: &str, descriptor: u32) -> Option<Mount> {
    let info = proc::text(format!("{root}/fdinfo/{descriptor}")).ok()?;
    let id = Info(&info).number("mnt_id")?;
    seen_by(root).into_iter().find(|mount| mount.id == id)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_mount_is_read_whatever_its_names() {
        let line = b"41 31 0:38 / /mnt/a\\040b\xff rw shared:1 - nfs4 host:/x\\040-\\040y rw";
        let mount = Mount::parse(line).expect("parses");
        assert_eq!(mount.words, "host:/x - y on /mnt/a b\u{fffd}");
        assert!(mount.is_network() && !mount.is_fuse() && mount.id == 41);
        let fuse = b"41 31 0:38 / /m rw - fuse.sshfs far:/ rw";
        assert!(Mount::parse(fuse).expect("parses").is_fuse());
        for line in [&b""[..], b"41 31", b"41 31 0:38 / /m rw - ext4"] {
            assert_eq!(Mount::parse(line), None);
        }
    }

    #[test]
    fn an_open_file_has_a_mount() {
        let file = tempfile::tempfile().expect("a file can be made");
        let mount = of_descriptor("/proc/self", file.as_raw_fd() as u32);
        assert!(mount.is_some_and(|mount| !mount.is_network()));
    }
}
