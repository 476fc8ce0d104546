//! Sockets. I/O.

use super::{
    at::{At, unsure},
    peers,
    search::Search,
};
use model::culprit::evidence::block::{Block, On};

/// The longest address of a Unix socket, with its family.
const ADDRESS: usize = 110;

pub(super) fn of_socket(search: &mut Search, at: &At, inode: u64) -> Block {
    let Some(socket) = peers::of(at.pid, inode) else {
        let on = On::Socket {
            family: "other".to_owned(),
            peer: None,
            open: false,
        };
        return unsure(
            on,
            "reapwatch does not look up sockets of this kind".to_owned(),
        );
    };
    let holders = socket
        .peer
        .map(|peer| search.index().of_socket(peer).to_vec());
    let holders = holders.unwrap_or_default();
    let ends = search.ends(at.pid, holders.iter().map(|it| it.pid).collect());
    let unsure = socket.peer.and_then(|_| search.unknown(ends.is_empty()));
    let family = socket.family.to_owned();
    let no_room = socket.open && at.sleeps_in(&["unix_wait_for_peer"]);
    let on = match socket.address {
        _ if no_room => On::Connect {
            family,
            address: None,
        },
        address if socket.connecting => On::Connect { family, address },
        peer => On::Socket {
            family,
            peer,
            open: socket.open,
        },
    };
    Block {
        on,
        ends,
        unknown: socket.unknown.or(unsure),
    }
}

/// `block` is the one of the descriptor: only the arguments of the call show where a Unix socket connects to.
pub(super) fn of_connect(
    search: &mut Search,
    at: &At,
    block: Block,
    address: u64,
    len: u64,
) -> Block {
    let On::Connect {
        family,
        address: None,
    } = &block.on
    else {
        return block;
    };
    let len = usize::try_from(len).unwrap_or_default().min(ADDRESS);
    let bytes = match search.argument(at.pid, address, len) {
        Ok(bytes) => bytes,
        Err(unknown) => return Block { unknown, ..block },
    };
    let name = peers::unix_name(bytes.get(2..).unwrap_or_default());
    let listener = name
        .as_deref()
        .and_then(|name| peers::unix_listener(at.pid, name));
    let holders = listener.map(|inode| search.index().of_socket(inode).to_vec());
    let pids = holders.into_iter().flatten().map(|it| it.pid).collect();
    let ends = search.ends(at.pid, pids);
    let unknown = match listener {
        Some(_) => search.unknown(ends.is_empty()),
        None => Some("no socket listens there in its network namespace".to_owned()),
    };
    Block {
        on: On::Connect {
            family: family.clone(),
            address: name,
        },
        ends,
        unknown,
    }
}
