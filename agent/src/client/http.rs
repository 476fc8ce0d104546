//! HTTP to an agent, over TCP or over its Unix socket: one connection per question.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};

use super::tls;
use super::web::Web;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// How often an agent says an empty line where nobody dies.
const BEAT: Duration = Duration::from_secs(15);
/// After so many of them unheard the agent is gone.
const SILENT_BEATS: u32 = 4;
/// An agent tells of 65,536 zombies at most, some 30 MB; what is far larger is no agent's answer.
const MAX_BODY: usize = 256 << 20;
const MAX_LINE: usize = 1 << 20;
/// Bytes of an answer that says why there is none.
const MAX_REFUSAL: usize = 4 << 10;

/// Where an agent listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Over TCP.
    Url(Web),
    /// On this machine.
    Socket(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(web) => web.url.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl Endpoint {
    /// Whether somebody accepts connections there.
    pub async fn probe(&self) -> anyhow::Result<()> {
        match self {
            Self::Url(web) => within(CONNECT, TcpStream::connect(&web.url.authority))
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
        answer
            .map_err(tls::explain)
            .with_context(|| format!("cannot read from the agent at {self}"))
    }

    /// Status and body of an answer, whatever the status is.
    pub async fn ask(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = async {
            let (response, _) = self.request(path).await?;
            Ok((response.status(), whole(response).await?))
        };
        tokio::time::timeout(ANSWER, answer)
            .await
            .unwrap_or_else(|_| too_slow())
            .map_err(tls::explain)
    }

    /// The answer, and the path that was asked for in full.
    async fn request(&self, path: &str) -> anyhow::Result<(Response<Incoming>, String)> {
        Ok(match self {
            Self::Url(web) => {
                let target = format!("{}{path}", web.url.prefix);
                (web.ask(&target).await?, target)
            }
            Self::Socket(socket) => {
                let stream = within(CONNECT, UnixStream::connect(socket)).await?;
                let request = Request::get(path).header(header::HOST, "localhost");
                (exchange(stream, request).await?, path.to_owned())
            }
        })
    }

    async fn send(&self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let (response, target) = self.request(path).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED => bail!("{}", self.unauthorized()),
            StatusCode::NOT_FOUND => {
                bail!("it does not know {target}; is it reapwatch, of the same release?")
            }
            status => match refusal(response).await {
                Some(why) => bail!("it answered {status} to {target}: {why}"),
                None => bail!("it answered {status} to {target}"),
            },
        }
    }

    fn unauthorized(&self) -> String {
        match self {
            Self::Url(web) if web.authorization.is_none() => {
                "it wants a user and a password: write --url http[s]://USER@HOST:PORT, and give \
                 the password with --password-file"
                    .to_owned()
            }
            _ => "it does not know this user with this password".to_owned(),
        }
    }
}

impl Web {
    async fn ask(&self, target: &str) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::get(target).header(header::HOST, &self.url.authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let stream = within(CONNECT, TcpStream::connect(&self.url.authority)).await?;
        let Some(tls) = &self.tls else {
            return exchange(stream, request).await;
        };
        let name = ServerName::try_from(self.url.host().to_owned())
            .context("no certificate can be for this host")?;
        exchange(tls.connect(name, stream).await?, request).await
    }
}

async fn exchange<S>(stream: S, request: request::Builder) -> anyhow::Result<Response<Incoming>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("no HTTP is spoken there")?;
    // It ends with the connection; what goes wrong on it also fails the answer.
    tokio::spawn(connection);
    let request = request
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    sender
        .send_request(request)
        .await
        .context("it gave no answer in HTTP")
}

/// What an agent says in place of an answer.
async fn refusal(response: Response<Incoming>) -> Option<String> {
    let body = Limited::new(response.into_body(), MAX_REFUSAL)
        .collect()
        .await;
    let said: serde_json::Value = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
    let why = said["error"].as_str()?;
    (!why.contains(char::is_control)).then(|| why.to_owned())
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
        // In parts: one that passed while this command was stopped says nothing of the agent.
        for _ in 0..SILENT_BEATS {
            if let Ok(line) = tokio::time::timeout(BEAT, self.wait()).await {
                return line;
            }
        }
        bail!(
            "the agent's stream broke off: no line within {}",
            humantime::format_duration(BEAT * SILENT_BEATS)
        )
    }

    async fn wait(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

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

    /// The lines of a stream of which the other half writes.
    async fn stream() -> (Lines, DuplexStream) {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let answer = async {
            let read = far.read(&mut [0; 256]).await;
            assert!(read.expect("a request") > 0);
            let head = b"HTTP/1.1 200 OK\r\n\r\n";
            far.write_all(head).await.expect("there is room");
        };
        let request = Request::get("/").header(header::HOST, "test");
        let (response, ()) = tokio::join!(exchange(near, request), answer);
        let lines = Lines {
            body: response.expect("an answer").into_body(),
            split: Splitter::default(),
        };
        (lines, far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_only_drips_is_given_up() {
        let (mut lines, mut far) = stream().await;
        let drip = tokio::spawn(async move {
            loop {
                far.write_all(b"x").await.expect("it is read");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let error = lines.next().await.expect_err("it never comes to a line");
        assert!(error.to_string().contains("no line within 1m"), "{error}");
        drip.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_beats_is_waited_for() {
        let (mut lines, mut far) = stream().await;
        tokio::spawn(async move {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(15)).await;
                far.write_all(b"\n").await.expect("it is read");
            }
            far.write_all(b"last\n").await.expect("it is read");
        });
        for _ in 0..20 {
            assert_eq!(lines.next().await.expect("no error"), Some(Vec::new()));
        }
        assert_eq!(
            lines.next().await.expect("no error").as_deref(),
            Some(&b"last"[..])
        );
        assert_eq!(lines.next().await.expect("no error"), None);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let line = vec![b'x'; 1 << 16];
        let mut split = Splitter::default();
        assert!((0..40).any(|_| split.take(&line).is_err()));
    }
}
