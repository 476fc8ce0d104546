//! The connected clients. There is always a seat for a newcomer: when all are taken, the peer that holds
//! the most loses the one whose last request is the oldest.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Clients that share their part of the seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An IPv4 address, or an IPv6 network of 64 bits, since a host can use all of its addresses.
    Network(IpAddr),
    /// A user of this host.
    User(u32),
}

impl Peer {
    /// The peer with this address.
    pub(super) fn at(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The seats of one listener.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    taken: Arc<Mutex<Vec<Arc<Client>>>>,
    limit: usize,
    /// Counts connections and requests, so that those of all clients have an order.
    turn: Arc<AtomicU64>,
}

/// A connected client.
#[derive(Debug)]
struct Client {
    peer: Peer,
    /// The turn of its last request, or of its connection.
    turn: AtomicU64,
    follows: AtomicBool,
    dismissed: Notify,
}

impl Seats {
    /// At most `limit` clients.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            taken: Arc::default(),
            limit,
            turn: Arc::default(),
        }
    }

    /// Seats a client; if need be, another one is dismissed.
    pub(super) fn take(&self, peer: Peer) -> Seat {
        let client = Arc::new(Client {
            peer,
            turn: AtomicU64::new(self.next_turn()),
            follows: AtomicBool::new(false),
            dismissed: Notify::new(),
        });
        let mut taken = self.taken();
        taken.push(Arc::clone(&client));
        if taken.len() > self.limit
            && let Some(place) = least_deserving(&taken)
        {
            taken.swap_remove(place).dismissed.notify_one();
        }
        drop(taken);
        Seat {
            seats: self.clone(),
            client,
        }
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client to dismiss.
fn least_deserving(taken: &[Arc<Client>]) -> Option<usize> {
    let of_peer = |peer| taken.iter().filter(|client| client.peer == peer).count();
    let rank = |client: &Client| {
        let turn = client.turn.load(Ordering::Relaxed);
        (of_peer(client.peer), std::cmp::Reverse(turn))
    };
    (0..taken.len()).max_by_key(|&place| rank(&taken[place]))
}

/// A client's seat, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    client: Arc<Client>,
}

impl Seat {
    /// Notes that the client has sent a request, and whether it is to follow deaths.
    pub(super) fn asked(&self, to_follow: bool) {
        let turn = self.seats.next_turn();
        self.client.turn.store(turn, Ordering::Relaxed);
        self.client.follows.store(to_follow, Ordering::Relaxed);
    }

    /// Whether the client follows deaths.
    pub(super) fn follows(&self) -> bool {
        self.client.follows.load(Ordering::Relaxed)
    }

    /// Resolves when the seat goes to another client.
    pub(super) async fn dismissed(&self) {
        self.client.dismissed.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let own = |client: &Arc<Client>| Arc::ptr_eq(client, &self.client);
        self.seats.taken().retain(|client| !own(client));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::at(IpAddr::from([10, 0, 0, last]))
    }

    fn dismissed(seat: &Seat) -> bool {
        seat.dismissed().now_or_never().is_some()
    }

    #[test]
    fn the_peer_with_the_most_seats_loses_the_one_that_asked_last_of_all_first() {
        let seats = Seats::new(3);
        let quiet = seats.take(peer(1));
        let crowd = [(); 2].map(|()| seats.take(peer(2)));
        crowd[0].asked(false);
        let new = seats.take(peer(3));
        assert!(dismissed(&crowd[1]));
        assert!(![&quiet, &crowd[0], &new].map(dismissed).contains(&true));
        // Among equals, the oldest goes.
        let newer = seats.take(peer(4));
        assert!(dismissed(&quiet));
        assert!(![&crowd[0], &new, &newer].map(dismissed).contains(&true));
    }

    #[test]
    fn a_peer_with_many_connections_evicts_only_its_own() {
        let seats = Seats::new(4);
        let quiet = seats.take(peer(1));
        let crowd: Vec<_> = (0..100).map(|_| seats.take(peer(2))).collect();
        assert!(!dismissed(&quiet));
        assert_eq!(crowd.iter().filter(|seat| dismissed(seat)).count(), 97);
    }

    #[test]
    fn a_seat_that_was_left_is_free() {
        let seats = Seats::new(1);
        drop(seats.take(peer(1)));
        let second = seats.take(peer(1));
        assert!(!dismissed(&second));
    }

    #[test]
    fn addresses_of_one_host_are_one_peer() {
        let at = |address: &str| Peer::at(address.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
