//! HTTP to an agent, over TCP or over its Unix socket: one connection per question.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use crate::cli::Url;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// An agent tells of 65,536 zombies at most, some 30 MB; what is far larger is no agent's answer.
const MAX_BODY: usize = 256 << 20;
const MAX_LINE: usize = 1 << 20;

/// Where an agent listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Over TCP.
    Url(Url),
    /// On this machine.
    Socket(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl Endpoint {
    /// Whether somebody accepts connections there.
    pub async fn probe(&self) -> anyhow::Result<()> {
        match self {
            Self::Url(url) => within(CONNECT, TcpStream::connect(&url.authority))
                .await
                .map(drop),
            Self::Socket(path) => within(CONNECT, UnixStream::connect(path)).await.map(drop),
        }
    }

    /// The whole body of an answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        let answer = async { whole(self.send(path).await?).await };
        self.named(
            tokio::time::timeout(ANSWER, answer)
                .await
                .unwrap_or_else(|_| too_slow()),
        )
    }

    /// A body that comes in lines and need not end.
    pub async fn lines(&self, path: &str) -> anyhow::Result<Lines> {
        let response = tokio::time::timeout(ANSWER, self.send(path)).await;
        let response = self.named(response.unwrap_or_else(|_| too_slow()))?;
        Ok(Lines {
            body: response.into_body(),
            split: Splitter::default(),
        })
    }

    fn named<T>(&self, answer: anyhow::Result<T>) -> anyhow::Result<T> {
        answer.with_context(|| format!("cannot read from the agent at {self}"))
    }

    /// Status and body of an answer, whatever the status is.
    pub async fn ask(
        &self,
        path: &str,
        authorization: Option<&str>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = async {
            let (response, _) = self.request(path, authorization).await?;
            Ok((response.status(), whole(response).await?))
        };
        tokio::time::timeout(ANSWER, answer)
            .await
            .unwrap_or_else(|_| too_slow())
    }

    /// The answer, and the path that was asked for in full.
    async fn request(
        &self,
        path: &str,
        authorization: Option<&str>,
    ) -> anyhow::Result<(Response<Incoming>, String)> {
        Ok(match self {
            Self::Url(url) => {
                let stream = within(CONNECT, TcpStream::connect(&url.authority)).await?;
                let target = format!("{}{path}", url.prefix);
                let answer = exchange(stream, &url.authority, &target, authorization).await?;
                (answer, target)
            }
            Self::Socket(socket) => {
                let stream = within(CONNECT, UnixStream::connect(socket)).await?;
                let answer = exchange(stream, "localhost", path, authorization).await?;
                (answer, path.to_owned())
            }
        })
    }

    async fn send(&self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let (response, target) = self.request(path, None).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => {
                bail!("it does not know {target}; is it reapwatch, of the same release?")
            }
            status => bail!("it answered {status} to {target}"),
        }
    }
}

async fn exchange<S>(
    stream: S,
    host: &str,
    target: &str,
    authorization: Option<&str>,
) -> anyhow::Result<Response<Incoming>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("no HTTP is spoken there")?;
    // It ends with the connection; what goes wrong on it also fails the answer.
    tokio::spawn(connection);
    let mut request = Request::get(target)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(authorization)
            .context("what identifies you has characters that HTTP cannot send")?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    sender
        .send_request(request)
        .await
        .context("it gave no answer in HTTP")
}

/// The body, where it is no more than anybody sends.
async fn whole(response: Response<Incoming>) -> anyhow::Result<Bytes> {
    match Limited::new(response.into_body(), MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => bail!("the answer broke off: {error}"),
    }
}

/// The lines of a body.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    split: Splitter,
}

impl Lines {
    /// The next line without its end; `None` when the body has ended. Cancel-safe: all that
    /// was read is kept here.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            if let Some(line) = self.split.ready.pop_front() {
                return Ok(Some(line));
            }
            let Some(frame) = self.body.frame().await else {
                if self.split.partial.is_empty() {
                    return Ok(None);
                }
                bail!("the agent's stream broke off within a line");
            };
            let frame = frame.context("the agent's stream broke off")?;
            if let Some(data) = frame.data_ref() {
                self.split.take(data)?;
            }
        }
    }
}

/// Bytes in any portions, to lines.
#[derive(Debug, Default)]
struct Splitter {
    partial: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl Splitter {
    fn take(&mut self, data: &[u8]) -> anyhow::Result<()> {
        for piece in data.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if self.partial.last() == Some(&b'\n') {
                self.partial.pop();
                self.ready.push_back(std::mem::take(&mut self.partial));
            } else if self.partial.len() > MAX_LINE {
                bail!("the agent sent a line of more than {MAX_LINE} bytes");
            }
        }
        Ok(())
    }
}

async fn within<T>(
    limit: Duration,
    act: impl Future<Output = std::io::Result<T>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(limit, act).await {
        Ok(done) => Ok(done?),
        Err(_) => bail!("no connection within {}", humantime::format_duration(limit)),
    }
}

fn too_slow<T>() -> anyhow::Result<T> {
    bail!("no answer within {}", humantime::format_duration(ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_do_not_depend_on_the_portions() {
        let text = b"one\n\ntwo\nthr";
        for portion in 1..=text.len() {
            let mut split = Splitter::default();
            for data in text.chunks(portion) {
                split.take(data).expect("short lines");
            }
            assert_eq!(
                split.ready,
                [&b"one"[..], b"", b"two"],
                "portions of {portion}"
            );
            assert_eq!(split.partial, b"thr");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let line = vec![b'x'; 1 << 16];
        let mut split = Splitter::default();
        assert!((0..40).any(|_| split.take(&line).is_err()));
    }
}
