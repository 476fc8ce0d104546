//! The body of `/api/v1/exits`: one JSON object per line until either side disconnects.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, Sleep, sleep};

use api::ExitLine;

/// A chunk is sent at this size even if more lines are waiting.
const CHUNK_BYTES: usize = 16 << 10;

/// After this long without a line, an empty one is sent: the client learns that the agent is alive,
/// and the agent learns whether the client is.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Lines as they arrive. The loop counts the lines that a slow reader's queue has no room for, and
/// reports the count in the stream.
pub(super) struct Lines {
    queue: mpsc::Receiver<ExitLine>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    silence: Pin<Box<Sleep>>,
    _seat: OwnedSemaphorePermit,
}

impl Lines {
    /// Frees the follower's slot when the stream ends.
    pub(super) fn new(
        lines: mpsc::Receiver<ExitLine>,
        mut stop: watch::Receiver<bool>,
        seat: OwnedSemaphorePermit,
    ) -> Self {
        let stopped = Box::pin(async move {
            // A dropped sender has stopped too.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        Self {
            queue: lines,
            stopped,
            silence: Box::pin(sleep(HEARTBEAT)),
            _seat: seat,
        }
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK_BYTES {
            match self.queue.poll_recv(context) {
                Poll::Ready(Some(line)) => push(&mut chunk, &line),
                Poll::Ready(None) if chunk.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if chunk.is_empty() {
            if self.stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            ready!(self.silence.as_mut().poll(context));
            chunk.push(b'\n');
        }
        self.silence.as_mut().reset(Instant::now() + HEARTBEAT);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}

fn push(chunk: &mut Vec<u8>, line: &ExitLine) {
    let before = chunk.len();
    match serde_json::to_writer(&mut *chunk, line) {
        Ok(()) => chunk.push(b'\n'),
        Err(error) => {
            chunk.truncate(before);
            log::error!("cannot serialize an exit: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_sends_heartbeats_and_an_ended_one_frees_its_slot() {
        let seats = Arc::new(Semaphore::new(1));
        let seat = Arc::clone(&seats).try_acquire_owned().expect("it is free");
        let (to, lines) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let mut body = Lines::new(lines, stopped, seat);
        let begun = Instant::now();
        for beat in 1..4 {
            let frame = body.frame().await.expect("it goes on").expect("no error");
            assert_eq!(frame.data_ref().map(AsRef::as_ref), Some(&b"\n"[..]));
            assert!(begun.elapsed() >= HEARTBEAT * beat);
        }
        to.try_send(ExitLine::Lost { lost: 7 })
            .expect("there is room");
        let frame = body.frame().await.expect("it goes on").expect("no error");
        assert_eq!(frame.into_data().expect("data"), "{\"lost\":7}\n");
        stop.send(true).expect("it listens");
        assert!(body.frame().await.is_none());
        assert_eq!(seats.available_permits(), 0);
        drop(body);
        assert_eq!(seats.available_permits(), 1);
    }
}
