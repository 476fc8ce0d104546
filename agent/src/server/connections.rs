//! Accepts connections, with limits on number and time, and closes them at shutdown.
//!
//! A client gets its seat before anything is read from it, and loses it to a newcomer when others
//! need it more (`seats.rs`) or, on the network, when it stops reading (`patience.rs`).

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use futures_util::TryFutureExt as _;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::access::{self, Access};
use super::budget::Budget;
use super::listen::Listeners;
use super::patience::Patient;
use super::routes;
use super::seats::{Peer, Seat, Seats};
use super::socket::SocketFile;
use super::web::{self, Web};
use crate::handle::Handle;
use crate::problem::Problem;

/// Maximum number of connections on TCP and on the socket. The limits are separate so that network
/// clients cannot lock out the operator on the host.
const TCP_CONNECTIONS: usize = 256;
const SOCKET_CONNECTIONS: usize = 64;

/// How long a client may take to send its request's head, and stay idle. Longer than the usual
/// scrape interval, so that Prometheus keeps its connection.
const HEAD: Duration = Duration::from_secs(75);

/// How long a network client that has vanished may leave sent data unacknowledged.
const VANISHED: Duration = Duration::from_secs(120);

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take to read that its handshake failed.
const DRAIN: Duration = Duration::from_secs(1);

/// Maximum size of a request's head in bytes.
const HEAD_BYTES: usize = 16 << 10;

/// How long running requests may take at shutdown.
const GRACE: Duration = Duration::from_millis(800);

/// How often to look whether the socket's file is still there.
const LOOK: Duration = Duration::from_secs(5);

/// Delay after a failed accept, such as for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown` resolves, then for less than a second more; streams are ended. The
/// socket's file is removed when this returns.
///
/// # Errors
/// If the runtime cannot use the listeners.
pub async fn serve(
    listeners: Listeners,
    handle: Handle,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let budget = Budget::default();
    let only_local = listeners.only_local();
    let web = listeners.web.map(Arc::new);
    let mut server = Server {
        socket: routes::router(handle.clone(), stopped.clone(), budget.clone()),
        tcp: Doors::new(
            &routes::router(handle, stopped, budget),
            web.as_ref(),
            only_local,
        ),
        web: web.filter(|web| web.encrypted()),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let tcp = listeners.tcp.map(TcpListener::from_std).transpose()?;
    let tcp_seats = Seats::new(TCP_CONNECTIONS);
    let socket_seats = Seats::new(SOCKET_CONNECTIONS);
    let (mut socket, mut file) = match listeners.socket {
        Some(socket) => (
            Some(UnixListener::from_std(socket.listener)?),
            Some(socket.file),
        ),
        None => (None, None),
    };
    let mut look = interval(LOOK);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, address, seat) = accept_tcp(tcp.as_ref(), &tcp_seats) => {
                server.serve_tcp(stream, address, seat);
            }
            (stream, seat) = accept_unix(socket.as_ref(), &socket_seats) => {
                server.serve_socket(stream, seat);
            }
            Some(_) = server.tasks.join_next() => {}
            _ = look.tick() => if let Some(file) = &mut file
                && let Some(listener) = restored(file)
            {
                socket = Some(listener);
            }
        }
    }

    // New clients are refused at once, on both the socket and the port.
    drop((tcp, socket, file));
    let _ = stop.send(true);
    if timeout(GRACE, server.graceful.shutdown()).await.is_err() {
        log::debug!("some clients did not read their responses in time");
    }
    server.tasks.shutdown().await;
    Ok(())
}

/// A new listener if the socket's file was removed.
fn restored(file: &mut SocketFile) -> Option<UnixListener> {
    let listener = file.restore().transpose()?;
    match listener.and_then(UnixListener::from_std) {
        Ok(listener) => {
            log::warn!(
                "the socket {} was removed; created it again",
                file.path().display()
            );
            Some(listener)
        }
        Err(error) => {
            log::debug!(
                "cannot create the socket {} again: {error}",
                file.path().display()
            );
            None
        }
    }
}

/// The routes over TCP, for clients of this host and for others.
struct Doors {
    near: Router,
    far: Router,
}

impl Doors {
    fn new(router: &Router, web: Option<&Arc<Web>>, only_local: bool) -> Self {
        let guarded = |near| {
            let access = Access {
                web: web.cloned(),
                only_local,
                near: near || only_local,
            };
            let router = router
                .clone()
                .layer(from_fn_with_state(access, access::guard));
            match web {
                Some(web) => router.layer(from_fn_with_state(Arc::clone(web), web::guard)),
                None => router,
            }
        };
        Self {
            near: guarded(true),
            far: guarded(false),
        }
    }

    fn of(&self, address: IpAddr) -> Router {
        let is_near = access::is_near(address);
        if is_near { &self.near } else { &self.far }.clone()
    }
}

struct Server {
    socket: Router,
    tcp: Doors,
    /// Only if TCP uses TLS.
    web: Option<Arc<Web>>,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Server {
    fn serve_socket(&mut self, stream: UnixStream, seat: Seat) {
        let (router, watcher) = (self.socket.clone(), self.graceful.watcher());
        self.spawn(seat, |seat| connection(stream, router, watcher, seat));
    }

    fn serve_tcp(&mut self, stream: TcpStream, address: IpAddr, seat: Seat) {
        let (router, watcher) = (self.tcp.of(address), self.graceful.watcher());
        match &self.web {
            None => {
                self.spawn(seat, |seat| {
                    let stream = Patient::new(stream, Arc::clone(&seat));
                    connection(stream, router, watcher, seat)
                });
            }
            Some(web) => {
                let web = Arc::clone(web);
                self.spawn(seat, |seat| encrypted(stream, web, router, watcher, seat));
            }
        }
    }

    /// Serves a connection until it ends or its seat goes to another client.
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        seat: Seat,
        connection: impl FnOnce(Arc<Seat>) -> F,
    ) {
        let seat = Arc::new(seat);
        let connection = connection(Arc::clone(&seat));
        self.tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = seat.dismissed() => log::debug!("a connection made room for another one"),
            }
        });
    }
}

/// Serves a TLS connection, or answers plain HTTP with an error.
async fn encrypted(
    stream: TcpStream,
    web: Arc<Web>,
    router: Router,
    watcher: Watcher,
    seat: Arc<Seat>,
) {
    let mut first = [0];
    let peeked = timeout(HANDSHAKE, stream.peek(&mut first)).await;
    let stream = Patient::new(stream, Arc::clone(&seat));
    match peeked {
        Ok(Ok(1..)) if first[0].is_ascii_alphabetic() => {
            return connection(stream, routes::unencrypted(), watcher, seat).await;
        }
        Ok(Ok(1..)) => {}
        _ => return,
    }
    let Some(config) = web.handshake() else {
        return;
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    match timeout(HANDSHAKE, handshake.into_fallible()).await {
        Ok(Ok(stream)) => connection(stream, router, watcher, seat).await,
        Ok(Err((error, stream))) => {
            log::debug!("a TLS handshake failed: {error}");
            let _gone = timeout(DRAIN, drain(&stream.into_inner())).await;
        }
        Err(_) => log::debug!("a TLS handshake timed out"),
    }
}

/// Lets the client read the error: unread input would reset the connection, and the reset may
/// overtake the response.
async fn drain(stream: &TcpStream) -> io::Result<()> {
    rustix::net::shutdown(stream, Shutdown::Write)?;
    let mut unread = [0; 1 << 10];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut unread) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    watcher: Watcher,
    seat: Arc<Seat>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        seat.asked(request.uri().path() == routes::EXITS);
        router.call(request).map_ok(routes::hardened)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        // A client that disconnects during a stream is not an error.
        log::debug!("a connection ended early: {error}");
    }
}

async fn accept_tcp(listener: Option<&TcpListener>, seats: &Seats) -> (TcpStream, IpAddr, Seat) {
    static PROBLEM: Problem = Problem::new();
    let (stream, address) = accept("TCP", &PROBLEM, listener, TcpListener::accept).await;
    do_not_wait_for_ever(&stream);
    (stream, address.ip(), seats.take(Peer::at(address.ip())))
}

async fn accept_unix(listener: Option<&UnixListener>, seats: &Seats) -> (UnixStream, Seat) {
    static PROBLEM: Problem = Problem::new();
    let (stream, _) = accept("Unix", &PROBLEM, listener, UnixListener::accept).await;
    // The user of a process that has already ended is not known.
    let user = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
    (stream, seats.take(Peer::User(user)))
}

/// Waits for the next connection.
async fn accept<L, T>(
    what: &str,
    problem: &Problem,
    listener: Option<&L>,
    accept: impl AsyncFn(&L) -> io::Result<T>,
) -> T {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let what = format!("cannot accept {what} connections, retrying");
    loop {
        match problem.check(&what, accept(listener).await) {
            Ok(accepted) => return accepted,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Closes a connection whose client has vanished or no longer reads, so that it does not hold its
/// slot forever.
fn do_not_wait_for_ever(stream: &TcpStream) {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
    let set = set_socket_keepalive(stream, true)
        .and_then(|()| set_tcp_keepidle(stream, Duration::from_secs(60)))
        .and_then(|()| set_tcp_user_timeout(stream, VANISHED.as_millis() as u32));
    if let Err(error) = set {
        log::debug!("cannot set the timeouts of a connection: {error}");
    }
}
