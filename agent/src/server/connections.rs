//! Accepts connections, with limits on number and time, and closes them at shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::listen::Listeners;
use super::routes;
use super::web::{self, Web};
use crate::handle::Handle;

/// Maximum number of connections on each listener. The limits are separate so that network clients
/// cannot lock out the operator on the host.
const CONNECTIONS: usize = 64;

/// How long a client may take to send its request's head, and stay idle. Longer than the usual
/// scrape interval, so that Prometheus keeps its connection.
const HEAD: Duration = Duration::from_secs(75);

/// How long a network client may leave sent data unacknowledged.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take to read that its handshake failed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Maximum size of a request's head in bytes.
const HEAD_BYTES: usize = 16 << 10;

/// How long running requests may take at shutdown.
const GRACE: Duration = Duration::from_millis(800);

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
    let web = listeners.web.map(Arc::new);
    let mut server = Server {
        socket: routes::router(handle.clone(), stopped.clone()),
        tcp: guarded(routes::router(handle, stopped), web.as_ref()),
        web: web.filter(|web| web.encrypted()),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let tcp = listeners.tcp.map(TcpListener::from_std).transpose()?;
    let (socket, file) = match listeners.socket {
        Some(socket) => (
            Some(UnixListener::from_std(socket.listener)?),
            Some(socket.file),
        ),
        None => (None, None),
    };
    let tcp_room = Arc::new(Semaphore::new(CONNECTIONS));
    let socket_room = Arc::new(Semaphore::new(CONNECTIONS));

    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, room) = accept_tcp(tcp.as_ref(), &tcp_room) => server.serve_tcp(stream, room),
            (stream, room) = accept_socket(socket.as_ref(), &socket_room) => {
                server.serve_socket(stream, room);
            }
            Some(_) = server.tasks.join_next() => {}
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

fn guarded(router: Router, web: Option<&Arc<Web>>) -> Router {
    match web {
        Some(web) => router.layer(from_fn_with_state(Arc::clone(web), web::guard)),
        None => router,
    }
}

struct Server {
    socket: Router,
    tcp: Router,
    /// Only if TCP uses TLS.
    web: Option<Arc<Web>>,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Server {
    fn serve_socket(&mut self, stream: UnixStream, room: OwnedSemaphorePermit) {
        let (router, watcher) = (self.socket.clone(), self.graceful.watcher());
        self.spawn(connection(stream, router, watcher), room);
    }

    fn serve_tcp(&mut self, stream: TcpStream, room: OwnedSemaphorePermit) {
        let (router, watcher) = (self.tcp.clone(), self.graceful.watcher());
        match &self.web {
            None => self.spawn(connection(stream, router, watcher), room),
            Some(web) => {
                let web = Arc::clone(web);
                self.spawn(encrypted(stream, web, router, watcher), room);
            }
        }
    }

    fn spawn(
        &mut self,
        connection: impl Future<Output = ()> + Send + 'static,
        room: OwnedSemaphorePermit,
    ) {
        self.tasks.spawn(async move {
            connection.await;
            drop(room);
        });
    }
}

/// Serves a TLS connection, or answers plain HTTP with an error.
async fn encrypted(stream: TcpStream, web: Arc<Web>, router: Router, watcher: Watcher) {
    let mut first = [0];
    match timeout(HANDSHAKE, stream.peek(&mut first)).await {
        Ok(Ok(1..)) if first[0].is_ascii_alphabetic() => {
            return connection(stream, routes::unencrypted(), watcher).await;
        }
        Ok(Ok(1..)) => {}
        _ => return,
    }
    let Some(config) = web.handshake() else {
        return;
    };
    let handshake = TlsAcceptor::from(config).accept(stream).into_fallible();
    match timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => connection(stream, router, watcher).await,
        Ok(Err((error, stream))) => {
            log::debug!("a TLS handshake failed: {error}");
            let _gone = timeout(FAREWELL, let_go(&stream)).await;
        }
        Err(_) => log::debug!("a TLS handshake timed out"),
    }
}

/// Lets the client read the error: unread input would reset the connection, and the reset may
/// overtake the response.
async fn let_go(stream: &TcpStream) -> io::Result<()> {
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
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        // A client that disconnects during a stream is not an error.
        log::debug!("a connection ended early: {error}");
    }
}

async fn accept_tcp(
    listener: Option<&TcpListener>,
    room: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let room = seat(room).await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                do_not_wait_for_ever(&stream);
                return (stream, room);
            }
            Err(error) => complain("TCP", &error).await,
        }
    }
}

async fn accept_socket(
    listener: Option<&UnixListener>,
    room: &Arc<Semaphore>,
) -> (UnixStream, OwnedSemaphorePermit) {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let room = seat(room).await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, room),
            Err(error) => complain("socket", &error).await,
        }
    }
}

/// Waits for a free slot; new connections wait in the kernel's queue.
async fn seat(room: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(room)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed")
}

async fn complain(what: &str, error: &io::Error) {
    log::warn!("cannot accept a {what} connection: {error}");
    sleep(PAUSE).await;
}

/// Closes a connection whose client has vanished or no longer reads, so that it does not hold its
/// slot forever.
fn do_not_wait_for_ever(stream: &TcpStream) {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
    let set = set_socket_keepalive(stream, true)
        .and_then(|()| set_tcp_keepidle(stream, Duration::from_secs(60)))
        .and_then(|()| set_tcp_user_timeout(stream, PATIENCE.as_millis() as u32));
    if let Err(error) = set {
        log::debug!("cannot set the timeouts of a connection: {error}");
    }
}
