//! Takes the addresses to serve on.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::bind_error::BindError;
use super::group;
use super::socket::Socket;
use super::web::Web;

/// The listeners; dropping them frees the addresses.
#[derive(Debug)]
pub struct Listeners {
    pub(super) tcp: Option<TcpListener>,
    pub(super) web: Option<Web>,
    pub(super) socket: Option<Socket>,
}

impl Listeners {
    /// Adds a web config file for TCP; the Unix socket is protected by its mode.
    pub fn guarded_by(self, web: Option<Web>) -> Self {
        Self { web, ..self }
    }

    /// Lets this group use the socket.
    ///
    /// # Errors
    /// If there is no such group or socket, or this user lacks permission.
    pub fn open_socket_to(&mut self, group: &str) -> Result<(), BindError> {
        let socket = self.socket.as_mut().ok_or(BindError::NoSocket)?;
        let id = group::find(group).ok_or_else(|| BindError::NoGroup(group.to_owned()))?;
        socket.open_to(id)
    }

    /// The URL scheme for the TCP address.
    pub fn scheme(&self) -> &'static str {
        match &self.web {
            Some(web) if web.encrypted() => "https",
            _ => "http",
        }
    }

    /// Whether only clients of this host can connect.
    pub(super) fn only_local(&self) -> bool {
        let address = self.tcp_address();
        address.is_some_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// A warning if network clients can read the agent unprotected.
    pub fn open_to_strangers(&self) -> Option<String> {
        let address = self.tcp_address().filter(|_| !self.only_local())?;
        let (encrypted, authenticates) = match &self.web {
            Some(web) => (web.encrypted(), web.authenticates()),
            None => (false, false),
        };
        let who = match (encrypted, authenticates) {
            (true, true) => return None,
            (_, false) => {
                "anyone who can reach it can read /metrics, with the names of workloads and of \
                 programs that leave zombies unreaped; everything else needs a client on this host"
            }
            (false, true) => "passwords and responses are sent unencrypted",
        };
        Some(format!(
            "listening on {address}: {who}; configure TLS and users with --web.config.file"
        ))
    }

    /// The actual TCP address, with the kernel's choice for port 0.
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
/// If either is unavailable; then neither is taken.
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
