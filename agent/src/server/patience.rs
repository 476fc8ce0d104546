//! A connection whose network client has stopped reading fails, so that it does not hold memory for
//! ever. Followers may pause, as one does whose output goes to a pager: the lines that they miss are
//! not kept for them. So may clients of the socket, who are trusted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::seats::Seat;

/// How long a client may read nothing while data waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream with limited patience for its reader.
pub(super) struct Patient {
    stream: TcpStream,
    seat: Arc<Seat>,
    /// Runs while data waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, seat: Arc<Seat>) -> Self {
        Self {
            stream,
            seat,
            stalled: None,
        }
    }

    /// The stream without patience.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Waits for room. The kernel announces it only once a third of all is free, which a slow reader
    /// may take long for: in the end, any room will do.
    fn wait(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.seat.follows() {
            return Poll::Pending;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(stalled.as_mut().poll(context));
        self.stalled = None;
        let sent = send(
            &self.stream,
            data,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        );
        Poll::Ready(sent.map_err(|error| match error {
            Errno::AGAIN => io::Error::new(io::ErrorKind::TimedOut, "the client does not read"),
            error => error.into(),
        }))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(data)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        if written.is_pending() {
            let first = data.iter().find(|part| !part.is_empty());
            return self.wait(context, first.map_or(&[], |part| part));
        }
        self.stalled = None;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::server::seats::{Peer, Seats};

    /// More than the buffers of both ends hold.
    const MUCH: usize = 64 << 20;

    async fn pair() -> (Patient, TcpStream) {
        let seat = Seats::new(1).take(Peer::User(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (far, near) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (near, _) = near.expect("a client");
        (Patient::new(near, Arc::new(seat)), far.expect("it listens"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_reads_fails_in_the_end() {
        let (mut near, _far) = pair().await;
        let begun = Instant::now();
        let written = near.write_all(&vec![0; MUCH]).await;
        let error = written.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_may_pause() {
        let (mut near, _far) = pair().await;
        near.seat.asked(true);
        let written = timeout(100 * PATIENCE, near.write_all(&vec![0; MUCH])).await;
        assert!(written.is_err(), "{written:?}");
    }

    /// It reads enough for the kernel to send more, and too little for it to announce room.
    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_waited_for() {
        let (mut near, mut far) = pair().await;
        let begun = Instant::now();
        let write = async {
            let mut all = 0;
            while begun.elapsed() < 10 * PATIENCE {
                all += near.write(&[0; 16 << 10]).await.expect("it is read");
            }
            all
        };
        let read = async {
            let mut part = vec![0; 512 << 10];
            while begun.elapsed() < 10 * PATIENCE {
                sleep(PATIENCE / 2).await;
                far.read_exact(&mut part).await.expect("it is open");
            }
        };
        let (written, ()) = tokio::join!(write, read);
        assert!(written > 0);
    }
}
