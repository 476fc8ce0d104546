//! The body of `/api/v1/exits`: one JSON object per line, until either side goes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};

use crate::api::ExitLine;

/// Bytes after which a chunk is sent although more lines wait.
const CHUNK_BYTES: usize = 16 << 10;

/// Lines as they come. The bounded queue is the loop's end of the bargain: it counts the lines
/// that a slow reader has no room for, and says so in the stream.
pub(super) struct Lines {
    lines: mpsc::Receiver<ExitLine>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Lines {
    pub(super) fn new(lines: mpsc::Receiver<ExitLine>, mut stop: watch::Receiver<bool>) -> Self {
        let stopped = Box::pin(async move {
            // A sender that is gone has stopped too.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        Self { lines, stopped }
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
            match self.lines.poll_recv(context) {
                Poll::Ready(Some(line)) => push(&mut chunk, &line),
                Poll::Ready(None) if chunk.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if !chunk.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
        }
        self.stopped.as_mut().poll(context).map(|()| None)
    }
}

fn push(chunk: &mut Vec<u8>, line: &ExitLine) {
    let before = chunk.len();
    match serde_json::to_writer(&mut *chunk, line) {
        Ok(()) => chunk.push(b'\n'),
        Err(error) => {
            chunk.truncate(before);
            log::error!("cannot write a line of exits: {error}");
        }
    }
}
