//! One agent per Unix socket: the lock, a stale file, removal at the end.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Gid;

use super::bind_error::BindError;

/// Mode of the socket: the agent's user and group.
const MODE: u32 = 0o660;

/// Length of the accept queue.
const BACKLOG: i32 = 128;

/// A Unix socket that only this agent listens on.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

impl Socket {
    /// Takes the path if it is free, or left behind by an agent that is gone.
    pub(super) fn bind(path: &Path) -> Result<Self, BindError> {
        let address =
            SocketAddrUnix::new(path).map_err(|_| BindError::PathTooLong(path.to_owned()))?;
        make_folder(path)?;
        // Before the lock, so that no lock file is created beside a file that is not ours.
        refuse_if_taken(path, &address)?;
        let lock = lock(path)?;
        refuse_if_taken(path, &address)?;
        match fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(failed("replace the stale socket", path)(cause));
            }
            _ => {}
        }
        let listener =
            listen(&address).map_err(|errno| failed("create the socket", path)(errno.into()))?;
        let file = SocketFile::new(path, lock).map_err(failed("examine the socket", path))?;
        Ok(Self { listener, file })
    }

    /// Until then the group is the agent's own, so no other user gets in meanwhile.
    pub(super) fn open_to(&mut self, group: Gid) -> Result<(), BindError> {
        self.file.group = Some(group);
        self.file
            .set_group()
            .map_err(failed("change the group of the socket", self.path()))
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// The socket's file, removed when dropped, and the lock on it.
///
/// The lock file stays. If it were removed, an agent that has just opened it would hold a lock that
/// the next one cannot see.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Our own file, whatever is at the path now.
    file: File,
    group: Option<Gid>,
    _lock: OwnedFd,
}

impl SocketFile {
    fn new(path: &Path, lock: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: open(path)?,
            group: None,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn set_group(&self) -> io::Result<()> {
        let flags = AtFlags::EMPTY_PATH;
        Ok(rustix::fs::chownat(
            &self.file, "", None, self.group, flags,
        )?)
    }

    /// Whether the path still names our file.
    fn in_place(&self) -> bool {
        let ours = self.file.metadata().map(|file| identity(&file));
        let named = fs::symlink_metadata(&self.path).map(|file| identity(&file));
        ours.ok() == named.ok()
    }

    /// Creates the socket again if somebody has removed its file, as a cleaner of /run may do.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn restore(&mut self) -> io::Result<Option<UnixListener>> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Ok(None),
        }
        let listener = listen(&SocketAddrUnix::new(&self.path)?)?;
        self.file = open(&self.path)?;
        if self.group.is_some() {
            self.set_group()?;
        }
        Ok(Some(listener))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.in_place()
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove the socket {}: {error}", self.path.display());
        }
    }
}

/// A descriptor of the socket's file, not of what a symbolic link names.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BindError {
    move |cause| BindError::Socket {
        act,
        path: path.to_owned(),
        cause,
    }
}

/// Creates the socket's directory but not its parents, so that a typo in the path creates no tree.
fn make_folder(path: &Path) -> Result<(), BindError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(BindError::NoFolder(folder.to_owned()))
        }
        Err(cause) if !folder.is_dir() => Err(BindError::Folder {
            folder: folder.to_owned(),
            cause,
        }),
        _ => Ok(()),
    }
}

/// Succeeds if the path is free, or a socket that has no listener.
fn refuse_if_taken(path: &Path, address: &SocketAddrUnix) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(BindError::NotASocket(path.to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed("examine the socket", path)(cause)),
    }
    match knock(address) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        Ok(_) | Err(Errno::AGAIN) => Err(BindError::AnotherAgent(path.to_owned())),
        Err(errno) => Err(failed("connect to", path)(errno.into())),
    }
}

/// Connects without blocking: a listener whose queue is full would block us forever; it returns
/// `EAGAIN`.
pub(super) fn knock(address: &SocketAddrUnix) -> rustix::io::Result<OwnedFd> {
    let socket = unix_socket()?;
    rustix::net::connect(&socket, address)?;
    Ok(socket)
}

/// Locks the file beside the socket, so that only one of two starting agents continues.
fn lock(path: &Path) -> Result<OwnedFd, BindError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let lock = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| failed("create the lock", &path)(errno.into()))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(BindError::Locked(path)),
        Err(errno) => Err(failed("lock", &path)(errno.into())),
    }
}

fn unix_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

fn listen(address: &SocketAddrUnix) -> rustix::io::Result<UnixListener> {
    let socket = unix_socket()?;
    // The file gets the mode of the unbound socket, minus the umask, so there is no moment when
    // others could connect. https://elixir.bootlin.com/linux/v6.12/source/net/unix/af_unix.c
    // (unix_bind_bsd)
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(MODE))?;
    let umask = rustix::process::umask(Mode::from_raw_mode(!MODE & 0o777));
    let bound = rustix::net::bind(&socket, address);
    rustix::process::umask(umask);
    bound?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}
