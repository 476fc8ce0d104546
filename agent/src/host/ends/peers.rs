//! The other end of a socket: that of a Unix socket by netlink, that of a network socket from the
//! tables of /proc. I/O.
//!
//! One netlink message of fixed form does not justify a netlink crate, which has four dependencies.

use std::{
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::host::proc;

/// The most that is read of a table.
const MOST_BYTES: u64 = 4 << 20;

/// A socket that a thread waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    /// `unix`, `tcp` and the like.
    pub(super) family: &'static str,
    /// Its own address if it listens, else that of the other end.
    pub(super) address: Option<String>,
    /// Inode of the other end.
    pub(super) peer: Option<u64>,
    /// It has no peer: any process that connects or sends ends the wait.
    pub(super) open: bool,
    /// Its connection is not made yet; the other end is the socket that listens.
    pub(super) connecting: bool,
    /// Why the other end is not known.
    pub(super) unknown: Option<String>,
}

/// What is known of a socket of a process.
pub(super) fn of(pid: u32, inode: u64) -> Option<Socket> {
    of_unix(inode)
        .or_else(|| of_network(pid, inode))
        .or_else(|| of_other_unix(pid, inode))
}

/// `SOCK_DIAG_BY_FAMILY`, and the flag of a request.
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
/// `UDIAG_SHOW_NAME` and `UDIAG_SHOW_PEER`.
const SHOW: u32 = 1 | 4;
/// The attributes that these ask for.
const NAME: u16 = 0;
const PEER: u16 = 2;
/// State of one that is connected, as in the kernel's TCP.
const CONNECTED: u8 = 1;

fn of_unix(inode: u64) -> Option<Socket> {
    let found = ask(inode).ok()??;
    // The name of the peer is the one that users know; a client has none.
    let of_peer = found.peer.and_then(|peer| ask(peer).ok()?);
    let names = [of_peer.and_then(|it| it.name), found.name];
    let no_peer = !found.open && found.peer.is_none();
    Some(Socket {
        family: "unix",
        address: names.into_iter().flatten().next(),
        peer: found.peer.filter(|_| !found.open),
        open: found.open,
        connecting: false,
        unknown: no_peer.then(|| {
            "the kernel shows no peer: the connection is not accepted yet, or is closed".to_owned()
        }),
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Unix {
    open: bool,
    name: Option<String>,
    peer: Option<u64>,
}

/// `sock_diag(7)`: one socket of this network namespace.
fn ask(inode: u64) -> io::Result<Option<Unix>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    let mut request = Vec::with_capacity(40);
    request.extend(40_u32.to_ne_bytes());
    request.extend([BY_FAMILY, REQUEST].map(u16::to_ne_bytes).concat());
    request.extend([0_u32; 2].map(u32::to_ne_bytes).concat());
    request.extend([libc::AF_UNIX as u8, 0, 0, 0]);
    // In any state, of this inode, with any cookie.
    let words = [u32::MAX, inode as u32, SHOW, u32::MAX, u32::MAX];
    request.extend(words.map(u32::to_ne_bytes).concat());
    send(&socket, &request, SendFlags::empty())?;
    let mut answer = [0_u8; 1024];
    let (_, len) = recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
    Ok(parse(answer.get(..len).unwrap_or_default()))
}

/// An answer; `None` of an error.
fn parse(answer: &[u8]) -> Option<Unix> {
    let half = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if half(4)? != BY_FAMILY {
        return None;
    }
    let mut found = Unix {
        open: *answer.get(18)? != CONNECTED,
        ..Unix::default()
    };
    let mut at = 32;
    while let (Some(len), Some(kind)) = (half(at), half(at + 2)) {
        let len = usize::from(len);
        let Some(value) = answer.get(at + 4..at + len) else {
            break;
        };
        match kind {
            NAME => {
                found.name = unix_name(value);
            }
            PEER => {
                let inode = value.try_into().map(u32::from_ne_bytes).ok()?;
                found.peer = (inode != 0).then(|| inode.into());
            }
            _ => {}
        }
        at += len.next_multiple_of(4);
    }
    Some(found)
}

/// A row of /proc/PID/net/tcp and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u64,
}

/// States of TCP, in the numbers of the kernel.
const SYN_SENT: u8 = 2;
const LISTEN: u8 = 10;

impl Row {
    /// Whether it listens at the address that another one connects to.
    fn accepts(&self, other: Self) -> bool {
        let remote = other.remote;
        let is_local = remote.ip().is_loopback() || remote.ip() == other.local.ip();
        let at_all = self.local.ip().is_unspecified() && is_local;
        let ports = self.local.port() == remote.port();
        self.state == LISTEN && ports && (self.local.ip() == remote.ip() || at_all)
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        Some(Self {
            local: address(words.get(1)?)?,
            remote: address(words.get(2)?)?,
            state: u8::from_str_radix(words.get(3)?, 16).ok()?,
            inode: words.get(9)?.parse().ok()?,
        })
    }
}

/// Words in the order of this machine's bytes, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok();
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (n, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(n * 8)?.to_ne_bytes());
            }
            // One of version 4 may be seen from a socket of version 6.
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn of_network(pid: u32, inode: u64) -> Option<Socket> {
    for families in [["tcp", "tcp6"], ["udp", "udp6"]] {
        let tables = families.map(|family| table(pid, family));
        let rows = || {
            let lines = tables.iter().flat_map(|table| table.lines().skip(1));
            lines.filter_map(Row::parse)
        };
        if let Some(row) = rows().find(|row| row.inode == inode) {
            let is_peer = |it: &Row| it.local == row.remote && it.remote == row.local;
            let peer = rows().find(is_peer).map(|row| row.inode);
            let listener = rows().find(|it| it.accepts(row)).map(|it| it.inode);
            return Some(network(families[0], row, peer, listener));
        }
    }
    None
}

/// `peer` is 0 for a connection that the listener has not accepted.
fn network(family: &'static str, row: Row, peer: Option<u64>, listener: Option<u64>) -> Socket {
    let connected = !row.remote.ip().is_unspecified();
    let connecting = family == "tcp" && row.state == SYN_SENT;
    let in_backlog = !connecting && peer == Some(0) && listener.is_some();
    let peer = if connecting || in_backlog {
        listener
    } else {
        peer
    };
    let foreign = connected && peer.is_none();
    Socket {
        family,
        address: Some(if connected { row.remote } else { row.local }.to_string()),
        peer: peer.filter(|&inode| connected && inode != 0),
        open: !connected,
        connecting,
        unknown: if in_backlog {
            Some("the connection is in the backlog of that listener, not accepted yet".to_owned())
        } else {
            foreign.then(|| {
                format!(
                    "{} is on another host or in another network namespace",
                    row.remote
                )
            })
        },
    }
}

/// The name in an address of a Unix socket, as `proc_net_unix` prints it.
pub(super) fn unix_name(bytes: &[u8]) -> Option<String> {
    let name = match bytes {
        // One that begins with a zero is not in the file system.
        [0, name @ ..] => [b"@", name].concat(),
        name => name.split(|&byte| byte == 0).next()?.to_owned(),
    };
    (!name.is_empty()).then(|| proc::name_of(&name))
}

/// The socket that listens at a name. It may have been bound by another path to the same file:
/// then it counts if it is the only one of that file name.
pub(super) fn unix_listener(pid: u32, name: &str) -> Option<u64> {
    let table = table(pid, "unix");
    let rows = || table.lines().skip(1).filter_map(listening);
    let exact = rows().find(|(_, path)| *path == name);
    let file = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let mut alike = rows().filter(|(_, path)| file(path) == file(name));
    let only = alike.next().filter(|_| alike.next().is_none());
    exact.or(only).map(|(inode, _)| inode)
}

/// Inode and name of a row of /proc/PID/net/unix that listens (`__SO_ACCEPTCON`).
fn listening(line: &str) -> Option<(u64, &str)> {
    let mut rest = line;
    // A name may have spaces, and is the eighth.
    let mut words = [""; 7];
    for word in &mut words {
        (*word, rest) = rest.trim_start().split_once(' ')?;
    }
    let [_, _, _, flags, _, _, inode] = words;
    let listens = u32::from_str_radix(flags, 16).ok()? & 0x1_0000 != 0;
    listens.then_some((inode.parse().ok()?, rest))
}

/// The table of the process's own network namespace.
fn table(pid: u32, family: &str) -> String {
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/{pid}/net/{family}"));
    // What cannot be read has no rows.
    let _read = file.and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A Unix socket in another network namespace than the agent's, which netlink does not show.
fn of_other_unix(pid: u32, inode: u64) -> Option<Socket> {
    let inode = inode.to_string();
    let table = table(pid, "unix");
    let mut rows = table.lines().skip(1).map(str::split_ascii_whitespace);
    let row = rows.find(|row| row.clone().nth(6) == Some(&inode))?;
    // `SS_CONNECTED`.
    let open = row.clone().nth(5) != Some("03");
    let name = row.clone().nth(7);
    Some(Socket {
        family: "unix",
        address: name
            .or((!open).then_some("another socket"))
            .map(str::to_owned),
        peer: None,
        open,
        connecting: false,
        unknown: (!open).then(|| {
            "it is in a different network namespace than reapwatch, where the peer of a Unix socket \
             cannot be looked up"
                .to_owned()
        }),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        net::{TcpListener, TcpStream, UdpSocket},
        os::{
            fd::{AsRawFd as _, RawFd},
            unix::net::{UnixDatagram, UnixListener, UnixStream},
        },
    };

    use super::*;
    use crate::host::ends::fdinfo::Link;

    fn inode(descriptor: RawFd) -> u64 {
        let link = fs::read_link(format!("/proc/self/fd/{descriptor}")).expect("it is open");
        match Link::parse(&link) {
            Link::Socket(inode) => inode,
            other => panic!("{other:?}"),
        }
    }

    fn mine(descriptor: RawFd) -> Option<Socket> {
        of(std::process::id(), inode(descriptor))
    }

    #[test]
    fn the_other_end_of_a_unix_socket_is_found() {
        let (one, other) = UnixStream::pair().expect("a pair can be made");
        let found = mine(one.as_raw_fd()).expect("it is there");
        let other = inode(other.as_raw_fd());
        assert_eq!((found.family, found.peer), ("unix", Some(other)));
        let root = tempfile::tempdir().expect("a folder can be made");
        let path = root.path().join("a b");
        let listener = UnixListener::bind(&path).expect("ours");
        let found = mine(listener.as_raw_fd()).expect("it is there");
        assert!(found.open && found.peer.is_none());
        let client = UnixStream::connect(&path).expect("it listens");
        let found = mine(client.as_raw_fd()).expect("it is there");
        assert!(!found.open && found.peer.is_none() && found.unknown.is_some());
        let (served, _) = listener.accept().expect("somebody connects");
        let found = mine(client.as_raw_fd()).expect("it is there");
        assert_eq!(found.peer, Some(inode(served.as_raw_fd())));
        assert_eq!(found.address, Some(path.display().to_string()));
    }

    #[test]
    fn the_other_end_of_a_loopback_connection_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let client = TcpStream::connect(address).expect("it listens");
        let (served, _) = listener.accept().expect("somebody connects");
        let found = mine(client.as_raw_fd()).expect("it is there");
        assert_eq!(found.peer, Some(inode(served.as_raw_fd())));
        assert_eq!(found.address, Some(address.to_string()));
        let found = mine(listener.as_raw_fd()).expect("it is there");
        assert!(found.open && found.peer.is_none() && found.unknown.is_none());
        let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        assert!(mine(udp.as_raw_fd()).expect("it is there").open);
        let datagrams = UnixDatagram::unbound().expect("ours");
        assert!(mine(datagrams.as_raw_fd()).expect("it is there").open);
    }

    #[test]
    fn malformed_tables_and_answers_are_ignored() {
        let line = "  0: 0100007F:0CEA 0200000A:9C40 01 0:0 00:0 0 0 0 4711 1 0";
        let row = Row::parse(line).expect("parses");
        if cfg!(target_endian = "little") {
            assert_eq!(row.local.to_string(), "127.0.0.1:3306");
            let mapped = address("0000000000000000FFFF00000100007F:0CEA");
            assert_eq!(mapped, Some(row.local));
        }
        assert!(network("tcp", row, None, None).unknown.is_some());
        let connects = line.replace(" 01 ", " 02 ");
        let connects = Row::parse(&connects).expect("parses");
        let found = network("tcp", connects, None, Some(5));
        assert!(found.connecting && found.peer == Some(5) && found.unknown.is_none());
        let found = network("tcp", row, Some(0), Some(5));
        assert!(!found.connecting && found.peer == Some(5) && found.unknown.is_some());
        for line in ["", "0: x y", "0: 0100007F:0CEA 0100007F:zz 01 0 0 0 0 0 5"] {
            assert_eq!(Row::parse(line), None, "{line:?}");
        }
        let unix = |flags: &str| format!("00000000c7c3e442: 2 0 {flags} 0001 01   42 /tmp/a b");
        assert_eq!(listening(&unix("00010000")), Some((42, "/tmp/a b")));
        for line in [unix("00000000").as_str(), "", "0: 2 0 00010000 0001 01 42"] {
            assert_eq!(listening(line), None, "{line:?}");
        }
        let names = [&b"/tmp/a\0\0"[..], b"\0abstract", b"", b"\0"].map(unix_name);
        let names = names.map(Option::unwrap_or_default);
        assert_eq!(names, ["/tmp/a", "@abstract", "", "@"]);
        for answer in [&[][..], &[0; 16], &[0xff; 40]] {
            assert_eq!(parse(answer), None);
        }
    }

    #[test]
    fn damaged_tables_and_answers_are_read() {
        let mut answer = [0_u8; 56];
        answer[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        for (at, kind, value) in [(32, NAME, 7), (40, PEER, 9), (48, NAME, 0)] {
            answer[at..at + 2].copy_from_slice(&8_u16.to_ne_bytes());
            answer[at + 2..at + 4].copy_from_slice(&kind.to_ne_bytes());
            answer[at + 4] = value;
        }
        let row = b"0: 0100007F:270F 00000000000000000000000001000000:1F90 0A 0:0 0:0 0 0 0 99 1";
        let unix = b"0000000000000000: 00000002 00000000 00010000 0001 01 1234 /run/a b.sock";
        fuzz::feed(&[&answer[..], row, unix], |bytes| {
            parse(bytes);
            unix_name(bytes);
            let text = String::from_utf8_lossy(bytes);
            listening(&text);
            if let (Some(one), Some(other)) = (Row::parse(&text), Row::parse("0: 1 2 3 4")) {
                one.accepts(other);
            }
        });
    }
}
