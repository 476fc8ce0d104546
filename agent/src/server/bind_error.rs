//! What can be wrong with the addresses to serve on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the agent cannot serve: what failed, and the fix, in one sentence. What the kernel said is
/// part of it and no `source`, so that printing the chain does not say it twice.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {0}: the port is in use; stop what holds it or choose another --listen"
    )]
    PortInUse(SocketAddr),
    /// The port is a privileged one.
    #[error(
        "cannot listen on {0}: permission denied; choose a port above 1023 with --listen or \
         grant CAP_NET_BIND_SERVICE"
    )]
    PortForbidden(SocketAddr),
    /// The address is none of this host's.
    #[error("cannot listen on {0}: this host has no such address; choose another --listen")]
    NoSuchAddress(SocketAddr),
    /// Any other failure with the address.
    #[error("cannot listen on {address}: {cause}; choose another --listen")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        cause: io::Error,
    },
    /// An agent serves that socket already.
    #[error("another reapwatch agent already answers on {0}; stop it or choose another --socket")]
    AnotherAgent(PathBuf),
    /// An agent is about to serve that socket, or lost its file.
    #[error("another reapwatch agent holds the lock {0}; stop it or choose another --socket")]
    Locked(PathBuf),
    /// Something else lies at the path.
    #[error(
        "cannot listen on {0}: it is there already and not a socket; move it away or choose \
         another --socket"
    )]
    NotASocket(PathBuf),
    /// The path does not fit into a socket's address.
    #[error(
        "cannot listen on {0}: a socket's path has at most 107 bytes; choose a shorter --socket"
    )]
    PathTooLong(PathBuf),
    /// Neither the socket's folder is there nor the one around it.
    #[error(
        "cannot create the folder {0} for the socket: the folder around it is missing; \
         create it or choose another --socket"
    )]
    NoFolder(PathBuf),
    /// The socket's folder cannot be created.
    #[error(
        "cannot create the folder {folder} for the socket: {cause}; create it or choose \
         another --socket"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
    /// Nobody has heard of that group.
    #[error(
        "cannot give the socket to the group {0}: /etc/group does not name it; choose another \
         --socket-group, or write its number"
    )]
    NoGroup(String),
    /// There is no socket to give to a group.
    #[error("--socket-group is about the socket, which --socket none turns off: leave one away")]
    NoSocket,
    /// A file cannot be made, opened or replaced in the socket's folder.
    #[error("cannot {act} {path}: {cause}; run as a user that may, or choose another --socket")]
    Socket {
        /// The failed act.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
}
