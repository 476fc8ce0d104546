//! The body of `/api/v1/exits`: one JSON object per line until either side disconnects.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::sleep;

use crate::engine::streams::Lines;

/// A chunk is sent at this size even if more lines are waiting.
const CHUNK_BYTES: usize = 16 << 10;

/// After this long without a line, an empty one is sent: the client learns that the agent is alive,
/// and the agent learns whether the client is.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Lines as they arrive, until `stop` becomes true. Frees the follower's seat when it ends.
pub(super) fn body(lines: Lines, stop: watch::Receiver<bool>, seat: OwnedSemaphorePermit) -> Body {
    let begin = (lines, stop, seat);
    Body::from_stream(stream::unfold(begin, |(mut lines, mut stop, seat)| async {
        let chunk = chunk(&mut lines, &mut stop).await?;
        Some((Ok::<_, Infallible>(chunk), (lines, stop, seat)))
    }))
}

async fn chunk(lines: &mut Lines, stop: &mut watch::Receiver<bool>) -> Option<Bytes> {
    let first = tokio::select! {
        biased;
        line = lines.next() => line?.json(),
        // A dropped sender has stopped too.
        _ = stop.wait_for(|stop| *stop) => return None,
        () = sleep(HEARTBEAT) => return Some(Bytes::from_static(b"\n")),
    };
    let mut chunk = Vec::from(first);
    while chunk.len() < CHUNK_BYTES {
        match lines.try_next() {
            Some(line) => chunk.extend_from_slice(&line.json()),
            None => break,
        }
    }
    Some(chunk.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::*;
    use crate::engine::streams::Streams;
    use crate::server::tests::exit;

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_sends_heartbeats_and_an_ended_one_frees_its_slot() {
        let seats = Arc::new(Semaphore::new(1));
        let seat = Arc::clone(&seats).try_acquire_owned().expect("it is free");
        let mut streams = Streams::keeping(1, usize::MAX);
        let (stop, stopped) = watch::channel(false);
        let mut body = body(streams.follow(), stopped, seat);
        let begun = Instant::now();
        for beat in 1..4 {
            let frame = body.frame().await.expect("it goes on").expect("no error");
            assert_eq!(frame.data_ref().map(AsRef::as_ref), Some(&b"\n"[..]));
            assert!(begun.elapsed() >= HEARTBEAT * beat);
        }
        for pid in 1..=8 {
            streams.send(&exit(pid));
        }
        let frame = body.frame().await.expect("it goes on").expect("no error");
        let data = frame.into_data().expect("data");
        assert!(data.starts_with(b"{\"lost\":7}\n{\"pid\":8,"), "{data:?}");
        stop.send(true).expect("it listens");
        assert!(body.frame().await.is_none());
        drop(body);
        assert_eq!(seats.available_permits(), 1);
    }
}
