//! Errors when taking the addresses to serve on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the agent cannot serve: what failed and the fix, in one sentence. The kernel's error is part
/// of it and not its `source`, so that printing the chain does not repeat it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is in use.
    #[error(
        "cannot listen on {0}: the port is in use; stop the process that uses it or choose another \
         --listen"
    )]
    PortInUse(SocketAddr),
    /// The port is privileged.
    #[error(
        "cannot listen on {0}: permission denied; choose a port above 1023 with --listen or grant \
         CAP_NET_BIND_SERVICE"
    )]
    PortForbidden(SocketAddr),
    /// This host does not have the address.
    #[error("cannot listen on {0}: this host has no such address; choose another --listen")]
    NoSuchAddress(SocketAddr),
    /// Any other error with the address.
    #[error("cannot listen on {address}: {cause}; choose another --listen")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The kernel's error.
        cause: io::Error,
    },
    /// Another agent serves that socket.
    #[error("another reapwatch agent already answers on {0}; stop it or choose another --socket")]
    AnotherAgent(PathBuf),
    /// Another agent is about to serve that socket, or lost its file.
    #[error("another reapwatch agent holds the lock {0}; stop it or choose another --socket")]
    Locked(PathBuf),
    /// The path exists and is not a socket.
    #[error(
        "cannot listen on {0}: it exists and is not a socket; move it away or choose another \
         --socket"
    )]
    NotASocket(PathBuf),
    /// The path is too long for a socket.
    #[error(
        "cannot listen on {0}: the path of a socket must not exceed 107 bytes; choose a shorter \
         --socket"
    )]
    PathTooLong(PathBuf),
    /// Neither the socket's directory nor its parent exists.
    #[error(
        "cannot create the directory {0} for the socket: its parent directory is missing; create \
         it or choose another --socket"
    )]
    NoFolder(PathBuf),
    /// The socket's directory cannot be created.
    #[error(
        "cannot create the directory {folder} for the socket: {cause}; create it or choose another \
         --socket"
    )]
    Folder {
        /// The directory.
        folder: PathBuf,
        /// The kernel's error.
        cause: io::Error,
    },
    /// The group does not exist.
    #[error(
        "cannot give the socket to the group {0}: it is not in /etc/group; choose another \
         --socket-group, or write its number"
    )]
    NoGroup(String),
    /// There is no socket whose group could be changed.
    #[error("--socket-group has no effect with --socket none; omit one of them")]
    NoSocket,
    /// A file in the socket's directory cannot be created, opened or replaced.
    #[error(
        "cannot {act} {path}: {cause}; run as a user with that permission, or choose another \
             --socket"
    )]
    Socket {
        /// What failed.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        cause: io::Error,
    },
}
