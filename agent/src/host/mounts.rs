//! Lines of mountinfo.

use crate::host::proc;

/// One mount of `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub id: u64,
    /// 0 of file systems without a block device.
    pub major: u32,
    pub minor: u32,
    /// Where it is mounted; bytes, since paths need not be UTF-8.
    pub place: Vec<u8>,
    pub kind: String,
    source: Vec<u8>,
}

/// All mounts of the text of a mountinfo.
pub fn parse(text: &[u8]) -> impl Iterator<Item = Mount> {
    text.split(|&byte| byte == b'\n').filter_map(Mount::parse)
}

impl Mount {
    /// Fields are parted by spaces; a space, tab, newline or backslash inside one is written as
    /// its octal number.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|&byte| byte == b' ');
        let id = text(words.next()?).parse().ok()?;
        let device = text(words.nth(1)?);
        let (major, minor) = device.split_once(':')?;
        let place = plain(words.nth(1)?);
        let mut rest = words.skip_while(|word| *word != b"-").skip(1);
        Some(Self {
            id,
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            place,
            kind: text(rest.next()?),
            source: plain(rest.next()?),
        })
    }

    /// Such as `sshfs on /mnt`.
    pub fn words(&self) -> String {
        format!("{} on {}", text(&self.source), text(&self.place))
    }

    pub fn is_fuse(&self) -> bool {
        self.kind == "fuse" || self.kind.starts_with("fuse.") || self.kind == "virtiofs"
    }

    /// Whether its server is another machine.
    pub fn is_network(&self) -> bool {
        const NETWORK: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs"];
        NETWORK.contains(&&*self.kind)
    }

    /// Whether a path is below its mount point; another mount may be in between.
    pub fn holds(&self, path: &[u8]) -> bool {
        let below = path.strip_prefix(&self.place[..]);
        below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/' || self.place == b"/")
    }
}

fn text(bytes: &[u8]) -> String {
    proc::name_of(bytes)
}

fn plain(field: &[u8]) -> Vec<u8> {
    proc::mount_path(field)
        .into_os_string()
        .into_encoded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &[u8]) -> Mount {
        parse(line).next().expect("parses")
    }

    #[test]
    fn a_mount_point_may_have_any_name() {
        let mount = one(
            b"41 31 0:38 / /mnt/a\\040b\\012\\134\xff rw,relatime shared:1 - fuse.sshfs host:/x rw",
        );
        assert_eq!((mount.id, mount.major, mount.minor), (41, 0, 38));
        assert!(mount.is_fuse());
        assert_eq!(mount.place, b"/mnt/a b\n\\\xff");
        assert_eq!(mount.words(), "host:/x on /mnt/a b\u{fffd}\\\u{fffd}");
        assert!(!one(b"41 31 8:1 / / rw - ext4 /dev/sda1 rw").is_fuse());
        let remote = one(b"41 31 0:38 / /mnt/a rw shared:1 - nfs4 host:/x\\040-\\040y rw");
        assert!(remote.is_network() && !remote.is_fuse());
        assert_eq!(remote.words(), "host:/x - y on /mnt/a");
        assert_eq!(parse(b"41 31\n\nrubbish").count(), 0);
    }

    #[test]
    fn the_mount_of_a_path_is_found() {
        let mount = one(b"41 31 0:38 / /mnt/a rw - fuse x rw");
        for (path, inside) in [("/mnt/a", true), ("/mnt/a/b", true), ("/mnt/ab", false)] {
            assert_eq!(mount.holds(path.as_bytes()), inside, "{path}");
        }
        assert!(one(b"1 1 8:1 / / rw - ext4 x rw").holds(b"/tmp"));
    }

    #[test]
    fn damaged_mounts_are_read() {
        let line = b"41 31 0:38 / /mnt/a\\040b\\134 rw,relatime shared:1 - fuse.sshfs host:/x rw\n";
        fuzz::feed(&[line], |bytes| {
            for mount in parse(bytes) {
                let _ = (mount.words(), mount.holds(bytes), mount.is_network());
            }
        });
    }
}
