//! HTTP to an agent, over TCP or its Unix socket, and to other servers: one connection per request.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::tls;
use super::web::Web;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// How often an agent sends an empty line while no process dies.
const BEAT: Duration = Duration::from_secs(15);
/// After missing this many, the agent counts as gone.
const SILENT_BEATS: u32 = 4;
/// The largest answer: 65,536 zombies are about 30 MB. Anything far larger is not from an agent.
const MAX_BODY: usize = 256 << 20;
const MAX_LINE: usize = 1 << 20;
/// Maximum size of an error response in bytes.
const MAX_REFUSAL: usize = 4 << 10;

/// How to trust the authority of a server that a view asks.
const TRUST: &str = "pass that authority with --ca-file";

/// No name server knows this host.
#[derive(Debug, thiserror::Error)]
#[error("the host name {host} cannot be resolved ({why})")]
pub(super) struct Unresolved {
    host: String,
    why: String,
}

impl Unresolved {
    fn new(host: &str, error: &std::io::Error) -> Self {
        let why = error.to_string();
        // The standard library's words for what was attempted.
        let why = why.rsplit(": ").next().unwrap_or_default().to_owned();
        let host = host.to_owned();
        Self { host, why }
    }
}

/// Where an agent listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Over TCP.
    Url(Web),
    /// A Unix socket on this machine.
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
    /// Whether the endpoint accepts connections.
    pub async fn probe(&self) -> anyhow::Result<()> {
        match self {
            Self::Url(web) => web.connect().await.map(drop),
            Self::Socket(path) => within(CONNECT, UnixStream::connect(path)).await.map(drop),
        }
    }

    /// The whole body of a response.
    pub async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        let answer = async { whole(self.send(path).await?).await };
        self.named(
            tokio::time::timeout(ANSWER, answer)
                .await
                .unwrap_or_else(|_| too_slow()),
        )
    }

    /// A body that arrives in lines and may never end.
    pub async fn lines(&self, path: &str) -> anyhow::Result<Lines> {
        let response = tokio::time::timeout(ANSWER, self.send(path)).await;
        let response = self.named(response.unwrap_or_else(|_| too_slow()))?;
        Ok(Lines::of(response, MAX_LINE))
    }

    /// A long body, part by part.
    pub async fn parts(&self, path: &str) -> anyhow::Result<Parts> {
        let response = tokio::time::timeout(ANSWER, self.send(path)).await;
        let response = self.named(response.unwrap_or_else(|_| too_slow()))?;
        Ok(Parts(response.into_body()))
    }

    fn named<T>(&self, answer: anyhow::Result<T>) -> anyhow::Result<T> {
        answer
            .map_err(|error| tls::explain(error, TRUST))
            .with_context(|| format!("cannot read from the agent at {self}"))
    }

    /// Status and body of a response, whatever the status.
    pub async fn ask(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = async {
            let (response, _) = self.request(path).await?;
            Ok((response.status(), whole(response).await?))
        };
        tokio::time::timeout(ANSWER, answer)
            .await
            .unwrap_or_else(|_| too_slow())
            .map_err(|error| tls::explain(error, TRUST))
    }

    /// The response, and the full path that was requested.
    async fn request(&self, path: &str) -> anyhow::Result<(Response<Incoming>, String)> {
        Ok(match self {
            Self::Url(web) => {
                let target = format!("{}{path}", web.url.prefix);
                (web.ask(&target).await?, target)
            }
            Self::Socket(socket) => {
                let stream = within(CONNECT, UnixStream::connect(socket)).await?;
                let request = Request::get(path).header(header::HOST, "localhost");
                (
                    exchange(stream, request, Bytes::new()).await?,
                    path.to_owned(),
                )
            }
        })
    }

    async fn send(&self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let (response, target) = self.request(path).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED => bail!("{}", self.unauthorized()),
            StatusCode::NOT_FOUND => {
                bail!("it has no {target}; is it reapwatch, and the same release?")
            }
            status => match refusal(response).await {
                Some(why) => bail!("it answered {target} with {status}: {why}"),
                None => bail!("it answered {target} with {status}"),
            },
        }
    }

    fn unauthorized(&self) -> String {
        match self {
            Self::Url(web) if web.authorization.is_none() => {
                "it requires a user and a password: use --url http[s]://USER@HOST:PORT and \
                 --password-file"
                    .to_owned()
            }
            _ => "it rejected the user or the password; check both".to_owned(),
        }
    }
}

impl Web {
    /// The response to a GET request, whatever its status.
    pub async fn ask(&self, target: &str) -> anyhow::Result<Response<Incoming>> {
        self.send(Request::get(target), Bytes::new()).await
    }

    /// The response to a request with this body, whatever its status.
    pub async fn send(
        &self,
        request: request::Builder,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = request.header(header::HOST, &self.url.authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let stream = self.connect().await?;
        let Some(tls) = &self.tls else {
            return exchange(stream, request, body).await;
        };
        let name = ServerName::try_from(self.url.host().to_owned())
            .context("this host name cannot appear in a certificate")?;
        exchange(tls.connect(name, stream).await?, request, body).await
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let addresses = lookup_host(&self.url.authority);
        let found = tokio::time::timeout(CONNECT, addresses).await;
        let addresses: Vec<_> = match found {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => bail!(Unresolved::new(self.url.host(), &error)),
            Err(_) => bail!("the name server does not answer"),
        };
        within(CONNECT, TcpStream::connect(&addresses[..])).await
    }
}

async fn exchange<S>(
    stream: S,
    request: request::Builder,
    body: Bytes,
) -> anyhow::Result<Response<Incoming>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("the server does not speak HTTP")?;
    // The task ends with the connection; its errors also fail the response.
    tokio::spawn(connection);
    let request = request
        .header(header::ACCEPT, "application/json")
        .body(Full::new(body))?;
    sender
        .send_request(request)
        .await
        .context("the HTTP request failed")
}

/// The error message in an agent's response.
async fn refusal(response: Response<Incoming>) -> Option<String> {
    let body = Limited::new(response.into_body(), MAX_REFUSAL)
        .collect()
        .await;
    let body_json: serde_json::Value = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
    let why = body_json["error"].as_str()?;
    (!why.contains(char::is_control)).then(|| why.to_owned())
}

/// The body, limited in size.
async fn whole(response: Response<Incoming>) -> anyhow::Result<Bytes> {
    match Limited::new(response.into_body(), MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => bail!("the response was cut short: {error}"),
    }
}

/// The parts of a body.
#[derive(Debug)]
pub struct Parts(Incoming);

impl Parts {
    /// The next part; `None` at the end of the body. Fails if the agent is silent.
    pub async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            let Ok(frame) = tokio::time::timeout(ANSWER, self.0.frame()).await else {
                return too_slow();
            };
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.context("the response was cut short")?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// The lines of a body.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    split: Splitter,
}

impl Lines {
    /// The lines of this response, none longer than `most` bytes.
    pub fn of(response: Response<Incoming>, most: usize) -> Self {
        Self {
            body: response.into_body(),
            split: Splitter::new(most),
        }
    }

    /// The next line without its newline; `None` at the end of the body. Cancel-safe: everything
    /// that was read is kept here. Fails if the agent is silent.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        // In parts, since a timeout that passes while this command is stopped is not the agent's
        // fault.
        for _ in 0..SILENT_BEATS {
            if let Ok(line) = tokio::time::timeout(BEAT, self.wait()).await {
                return line;
            }
        }
        bail!(
            "the agent's stream stalled: no line within {}",
            humantime::format_duration(BEAT * SILENT_BEATS)
        )
    }

    /// The next line, however long it takes.
    pub async fn wait(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            if let Some(line) = self.split.ready.pop_front() {
                return Ok(Some(line));
            }
            let Some(frame) = self.body.frame().await else {
                if self.split.partial.is_empty() {
                    return Ok(None);
                }
                bail!("the stream ended in the middle of a line");
            };
            let frame = frame.context("the stream broke")?;
            if let Some(data) = frame.data_ref() {
                self.split.take(data)?;
            }
        }
    }
}

/// Splits chunks of bytes into lines.
#[derive(Debug)]
struct Splitter {
    most: usize,
    partial: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl Splitter {
    fn new(most: usize) -> Self {
        Self {
            most,
            partial: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    fn take(&mut self, data: &[u8]) -> anyhow::Result<()> {
        for piece in data.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if self.partial.last() == Some(&b'\n') {
                self.partial.pop();
                self.ready.push_back(std::mem::take(&mut self.partial));
            } else if self.partial.len() > self.most {
                bail!("a line is longer than {} bytes", self.most);
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
    bail!("no response within {}", humantime::format_duration(ANSWER))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    #[test]
    fn lines_do_not_depend_on_chunk_sizes() {
        let text = b"one\n\ntwo\nthr";
        for portion in 1..=text.len() {
            let mut split = Splitter::new(MAX_LINE);
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

    /// The lines of a stream that the other half writes.
    async fn stream() -> (Lines, DuplexStream) {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let answer = async {
            let read = far.read(&mut [0; 256]).await;
            assert!(read.expect("a request") > 0);
            let head = b"HTTP/1.1 200 OK\r\n\r\n";
            far.write_all(head).await.expect("there is room");
        };
        let request = Request::get("/").header(header::HOST, "test");
        let (response, ()) = tokio::join!(exchange(near, request, Bytes::new()), answer);
        (Lines::of(response.expect("an answer"), MAX_LINE), far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_whole_lines_times_out() {
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
    async fn a_stream_with_heartbeats_stays_open() {
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

    #[tokio::test]
    async fn a_host_without_an_address_is_named() {
        // Longer than any name may be, so that no name server is asked.
        let host = "x".repeat(300);
        let url = crate::cli::Url::https(&host, "9");
        let web = Web {
            url,
            tls: None,
            authorization: None,
        };
        let error = web.connect().await.expect_err("it has no address");
        assert!(error.is::<Unresolved>(), "{error:#}");
        assert!(error.to_string().contains(&host), "{error}");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let line = vec![b'x'; 1 << 16];
        let mut split = Splitter::new(MAX_LINE);
        assert!((0..40).any(|_| split.take(&line).is_err()));
    }
}
