//! What a descriptor is, from its link in `fd` and the lines of `fdinfo`. Pure.

use std::path::{Path, PathBuf};

use crate::host::parse::field;

/// What a descriptor leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// A pipe, by its inode.
    Pipe(u64),
    /// A socket, by its inode.
    Socket(u64),
    /// Something without a name, of this kind: `eventfd`, `eventpoll`, `signalfd`.
    Anonymous(String),
    /// A terminal.
    Terminal(PathBuf),
    /// The master side of a terminal.
    Master,
    /// The device of a FUSE server.
    FuseDevice,
    /// A file, which may be a FIFO.
    File(PathBuf),
}

impl Link {
    pub(super) fn parse(target: &Path) -> Self {
        let Some(text) = target.to_str() else {
            return Self::File(target.to_owned());
        };
        let number = |kind: &str| {
            let number = text.strip_prefix(kind)?.strip_prefix(":[")?;
            number.strip_suffix(']')?.parse().ok()
        };
        if let Some(inode) = number("pipe") {
            Self::Pipe(inode)
        } else if let Some(inode) = number("socket") {
            Self::Socket(inode)
        } else if number("pidfd").is_some() {
            // Since 6.9 pidfds have their own file system.
            Self::Anonymous("pidfd".to_owned())
        } else if let Some(kind) = text.strip_prefix("anon_inode:") {
            Self::Anonymous(kind.trim_matches(['[', ']']).to_owned())
        } else if text == "/dev/fuse" {
            Self::FuseDevice
        } else if matches!(text, "/dev/ptmx" | "/dev/pts/ptmx") {
            Self::Master
        } else if is_terminal(text) {
            Self::Terminal(target.to_owned())
        } else {
            Self::File(target.to_owned())
        }
    }

    /// Its kind, as it is named among the things that a thread waits for.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Pipe(_) => "pipe",
            Self::Socket(_) => "socket",
            Self::Anonymous(kind) if kind == "eventpoll" => "epoll",
            Self::Anonymous(kind) => kind,
            Self::Terminal(_) | Self::Master => "terminal",
            Self::FuseDevice => "fuse device",
            Self::File(_) => "file",
        }
    }
}

fn is_terminal(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/dev/") else {
        return false;
    };
    name.starts_with("pts/") || name.starts_with("tty") || name == "console"
}

/// Lines of `fdinfo`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info<'a>(pub(super) &'a str);

/// In a mask of signals.
const SIGCHLD: u64 = 1 << 16;

impl Info<'_> {
    /// Whether it is open for reading, and whether for writing.
    pub(super) fn ways(self) -> Option<(bool, bool)> {
        let flags = u32::from_str_radix(field(self.0, "flags")?, 8).ok()?;
        let mode = flags as i32 & libc::O_ACCMODE;
        Some((mode != libc::O_WRONLY, mode != libc::O_RDONLY))
    }

    /// The number on the line of this name.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        field(self.0, name)?.parse().ok()
    }

    /// Whether it is a pidfd of a process that has been reaped.
    pub(super) fn is_of_reaped(self) -> bool {
        field(self.0, "Pid") == Some("-1")
    }

    /// The descriptors that an epoll descriptor watches.
    pub(super) fn watched(self) -> impl Iterator<Item = u32> {
        let lines = self.0.lines();
        lines.filter_map(|line| {
            let rest = line.strip_prefix("tfd:")?;
            rest.split_ascii_whitespace().next()?.parse().ok()
        })
    }

    /// Whether it is a signalfd for SIGCHLD.
    pub(super) fn takes_sigchld(self) -> bool {
        let mask = field(self.0, "sigmask").and_then(|mask| u64::from_str_radix(mask, 16).ok());
        mask.is_some_and(|mask| mask & SIGCHLD != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::proc;

    #[test]
    fn the_kind_is_read_from_the_link() {
        let kind = |target: &[u8]| Link::parse(&proc::path_of(target)).kind().to_owned();
        assert_eq!(Link::parse(Path::new("pipe:[77]")), Link::Pipe(77));
        assert_eq!(Link::parse(Path::new("socket:[8]")), Link::Socket(8));
        assert_eq!(kind(b"anon_inode:[eventfd]"), "eventfd");
        assert_eq!(kind(b"anon_inode:inotify"), "inotify");
        assert_eq!(kind(b"anon_inode:[eventpoll]"), "epoll");
        assert_eq!(kind(b"pidfd:[42]"), "pidfd");
        assert_eq!(kind(b"/dev/pts/3"), "terminal");
        assert_eq!(Link::parse(Path::new("/dev/ptmx")), Link::Master);
        assert_eq!(kind(b"/dev/fuse"), "fuse device");
        for file in [
            b"/tmp/pipe:[77]".as_slice(),
            b"/tmp/\xff\n",
            b"/dev/null",
            b"pipe:[x]",
        ] {
            assert_eq!(kind(file), "file", "{file:?}");
        }
    }

    #[test]
    fn fdinfo_lines_are_read() {
        let ways = |flags: &str| Info(&format!("pos:\t0\nflags:\t{flags}\nino:\t9\n")).ways();
        assert_eq!(ways("0100000"), Some((true, false)));
        assert_eq!(ways("02000001"), Some((false, true)));
        assert_eq!(ways("02"), Some((true, true)));
        assert_eq!((ways("x"), Info("").ways()), (None, None));
        assert_eq!(Info("pos:\t0\nino:\t9\n").number("ino"), Some(9));
        let is_of_reaped =
            |pid: &str| Info(&format!("flags:\t02\nPid:\t{pid}\nNSpid:\t{pid}\n")).is_of_reaped();
        // 0 is a process of another PID namespace.
        assert_eq!(["-1", "7", "0"].map(is_of_reaped), [true, false, false]);
        let epoll = "flags:\t02\ntfd:        5 events:       19 data: 5  pos:0 ino:3 sdev:f\n\
            tfd:       12 events:       19 data: 5  pos:0 ino:3 sdev:f\ntfd: x\n";
        assert_eq!(Info(epoll).watched().collect::<Vec<_>>(), [5, 12]);
        assert!(Info("flags:\t02\nsigmask:\t0000000000010000\n").takes_sigchld());
        assert!(!Info("sigmask:\t0000000000000100\n").takes_sigchld());
    }

    #[test]
    fn damaged_links_and_fdinfo_are_read() {
        let corpus = [
            "pipe:[123]",
            "socket:[18446744073709551615]",
            "anon_inode:[eventpoll]",
            "/dev/pts/3",
            "pos:\t0\nflags:\t0100001\ntfd:       5 events: 19 data: 0\nsigmask:\t0000000000010000\n",
        ];
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            Link::parse(Path::new(text.as_ref())).kind();
            let info = Info(&text);
            let _ = (info.ways(), info.number("pos"), info.takes_sigchld());
            info.watched().for_each(drop);
        });
    }
}
