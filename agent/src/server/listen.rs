//! Taking the addresses to serve on, or saying why not.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::bind_error::BindError;
use super::group;
use super::socket::Socket;
use super::web::Web;

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
             users fixes that"
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
