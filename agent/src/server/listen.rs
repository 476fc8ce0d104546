//! Taking the addresses to serve on, or saying why not.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::group;
use super::socket::Socket;
use super::web::Web;

/// Why the agent cannot serve: what failed, and the mend, in one sentence. What the kernel said is
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

/// The addresses that are taken; dropping it frees them.
#[derive(Debug)]
pub struct Listeners {
    pub(super) tcp: Option<TcpListener>,
    pub(super) web: Option<Web>,
    pub(super) socket: Option<Socket>,
}

impl Listeners {
    /// The same, with this web config file for what comes over TCP; the Unix socket has its mode.
    pub fn guarded_by(self, web: Option<Web>) -> Self {
        Self { web, ..self }
    }

    /// Lets this group talk to the agent over its socket.
    ///
    /// # Errors
    /// When there is no such group or no socket, or this user may not.
    pub fn open_socket_to(&self, group: &str) -> Result<(), BindError> {
        let socket = self.socket.as_ref().ok_or(BindError::NoSocket)?;
        let id = group::find(group).ok_or_else(|| BindError::NoGroup(group.to_owned()))?;
        socket.open_to(id)
    }

    /// What to write before the TCP address.
    pub fn scheme(&self) -> &'static str {
        match &self.web {
            Some(web) if web.encrypted() => "https",
            _ => "http",
        }
    }

    /// A sentence where strangers on the network can read along.
    pub fn open_to_strangers(&self) -> Option<String> {
        let address = self.tcp_address()?;
        if address.ip().to_canonical().is_loopback() {
            return None;
        }
        let (encrypted, asks_who) = match &self.web {
            Some(web) => (web.encrypted(), web.asks_who()),
            None => (false, false),
        };
        let who = match (encrypted, asks_who) {
            (true, true) => return None,
            (_, false) => "whoever reaches it reads the names and figures of this host's processes",
            (false, true) => "passwords and answers go over the network unencrypted",
        };
        Some(format!(
            "listening on {address}: {who}; a web config file (--web.config.file) with TLS and \
             users mends that"
        ))
    }

    /// The TCP address in fact, the port chosen by the kernel where 0 was asked for.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// The path of the Unix socket.
    pub fn socket_path(&self) -> Option<&Path> {
        self.socket.as_ref().map(Socket::path)
    }
}

/// Takes a TCP address, a Unix socket, or both.
///
/// # Errors
/// When either cannot be had; then neither is taken.
pub fn bind(listen: Option<SocketAddr>, socket: Option<&Path>) -> Result<Listeners, BindError> {
    Ok(Listeners {
        tcp: listen.map(bind_tcp).transpose()?,
        web: None,
        socket: socket.map(Socket::bind).transpose()?,
    })
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|cause| match cause.kind() {
            ErrorKind::AddrInUse => BindError::PortInUse(address),
            ErrorKind::PermissionDenied => BindError::PortForbidden(address),
            ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(address),
            _ => BindError::Address { address, cause },
        })
}
