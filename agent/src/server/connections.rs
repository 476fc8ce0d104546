//! Accepting connections, bounded in number and in patience, and ending them all in time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::listen::Listeners;
use super::routes;
use crate::handle::Handle;

/// Connections at once on each listener; each has its own bound, so that strangers on the network
/// cannot keep the operator on the host out.
const CONNECTIONS: usize = 64;

/// How long a client may take over its request's head, and stay without a request. Longer than
/// the usual scrape interval, so that Prometheus keeps its connection.
const HEAD: Duration = Duration::from_secs(75);

/// How long a client on the network may leave untaken what it was sent.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

/// How long answers under way may take at shutdown.
const GRACE: Duration = Duration::from_millis(800);

/// A pause after a failed accept, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown` is done, and then for less than a second more; streams are ended. The
/// socket's file is gone when it returns.
///
/// # Errors
/// When the runtime cannot take the listeners.
pub async fn serve(
    listeners: Listeners,
    handle: Handle,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut server = Server {
        router: routes::router(handle, stopped),
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
            (stream, room) = accept_tcp(tcp.as_ref(), &tcp_room) => server.spawn(stream, room),
            (stream, room) = accept_socket(socket.as_ref(), &socket_room) => {
                server.spawn(stream, room);
            }
            Some(_) = server.tasks.join_next() => {}
        }
    }

    // Whoever comes now is refused at once, by both the name and the port.
    drop((tcp, socket, file));
    let _ = stop.send(true);
    if timeout(GRACE, server.graceful.shutdown()).await.is_err() {
        log::debug!("some clients did not take their answers in time");
    }
    server.tasks.shutdown().await;
    Ok(())
}

struct Server {
    router: Router,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Server {
    fn spawn(
        &mut self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        room: OwnedSemaphorePermit,
    ) {
        let router = self.router.clone();
        let watcher = self.graceful.watcher();
        self.tasks.spawn(async move {
            connection(stream, router, watcher).await;
            drop(room);
        });
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
        // A client that goes in the middle of a stream is no failure of ours.
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

/// Waits for room; who comes meanwhile waits in the kernel's queue.
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

/// Ends a connection whose client vanished without a word, or takes nothing any more: neither
/// shall keep its seat for ever.
fn do_not_wait_for_ever(stream: &TcpStream) {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
    let set = set_socket_keepalive(stream, true)
        .and_then(|()| set_tcp_keepidle(stream, Duration::from_secs(60)))
        .and_then(|()| set_tcp_user_timeout(stream, PATIENCE.as_millis() as u32));
    if let Err(error) = set {
        log::debug!("cannot set the timeouts of a connection: {error}");
    }
}
