//! Where a view gets its data: a running agent, an agent inside this command, or a recording.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::body::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::{DEFAULT_SOCKET, FromArgs, Recording};
use crate::engine::replay::Replay;
use crate::engine::streams;
use crate::handle::{Handle, Request};
use crate::queries::{self, Ask};
use crate::stderr::eprint_line;
use api::{Doctor, DoctorQuery, ExitLine, VERSION};

pub mod http;
mod list;
pub mod tls;
mod watch;
pub mod web;

use http::{Endpoint, Lines, Unresolved};
pub use list::{Take, Taken};
pub use watch::Question;
use web::Web;

/// How long an agent inside this command may take for its first snapshot.
const READY: Duration = Duration::from_secs(10);

/// What answers a view's requests.
#[derive(Clone, Debug)]
pub enum Source {
    /// A running agent.
    Remote(Remote),
    /// The agent inside this command.
    Embedded(Handle),
    /// A recording at one of its moments.
    Recorded(Arc<Replay>),
}

/// An agent reached over HTTP.
#[derive(Clone, Debug)]
pub struct Remote {
    endpoint: Endpoint,
}

/// Finished deaths from now on.
#[derive(Debug)]
pub enum Exits {
    /// From a running agent.
    Remote(Lines),
    /// From the agent inside this command.
    Embedded(streams::Lines),
    /// From a recording.
    Recorded(mpsc::Receiver<ExitLine>),
}

/// An answer, and the bytes in which another agent sent it.
#[derive(Debug)]
pub struct Reply<A> {
    /// The answer.
    pub answer: A,
    sent: Option<Bytes>,
}

impl<A: Serialize> Reply<A> {
    /// The answer as JSON: as it was sent, if it was.
    pub fn json(&self) -> anyhow::Result<Bytes> {
        match &self.sent {
            Some(sent) => Ok(sent.clone()),
            None => Ok(serde_json::to_vec(&self.answer)?.into()),
        }
    }
}

impl Source {
    /// Finds an agent, or starts one inside this command; reports which on stderr.
    pub async fn connect(from: &FromArgs) -> anyhow::Result<Self> {
        if let Some(recording) = &from.agent.replay {
            if from.agent.url.is_some() || from.agent.socket.is_some() {
                bail!("replay reads only its file; omit --url and --socket");
            }
            return Ok(Self::Recorded(Arc::new(recorded(recording)?)));
        }
        let why_not = match Remote::find(from).await? {
            Ok(remote) => return Ok(Self::Remote(remote)),
            Err(why_not) => why_not,
        };
        let probes = from.probes.clone();
        // Loading blocks for a while, and may wait for the loop's own thread.
        let embedded = tokio::task::spawn_blocking(move || crate::engine::embed(&probes)).await?;
        match embedded {
            Ok(handle) => {
                crate::engine::give_up_in_view()?;
                eprint_line(format_args!("{why_not}; starting one inside this command"));
                ready(&handle).await?;
                Ok(Self::Embedded(handle))
            }
            Err(error) => {
                bail!(
                    "{why_not}, and this command cannot start one: {error:#}; {}",
                    fix()
                )
            }
        }
    }

    /// How a view's header names the source.
    pub fn label(&self) -> String {
        match self {
            Self::Remote(remote) => format!("agent at {}", remote.endpoint),
            Self::Embedded(_) => "agent inside this command".to_owned(),
            Self::Recorded(replay) => format!("recording {}", replay.path().display()),
        }
    }

    /// Whether its stream of deaths ends.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Recorded(_))
    }

    /// Asks.
    ///
    /// # Errors
    /// If a parameter is wrong, nobody answers, or a recording cannot.
    pub async fn ask<Q: Ask>(&self, query: Q) -> anyhow::Result<Reply<Q::Answer>> {
        let path = queries::path_of(&query);
        let checked = query.check().map_err(anyhow::Error::msg)?;
        let answer = match self {
            Self::Remote(remote) => return remote.ask(&path).await,
            Self::Embedded(handle) => Q::ask(checked, handle).await?,
            Self::Recorded(replay) => Q::replay(checked, replay)?,
        };
        Ok(Reply { answer, sent: None })
    }

    /// Finished deaths from now on; all of them for a recording.
    pub async fn exits(&self) -> anyhow::Result<Exits> {
        Ok(match self {
            Self::Remote(remote) => Exits::Remote(remote.endpoint.lines("/api/v1/exits").await?),
            Self::Embedded(handle) => Exits::Embedded(handle.ask(Request::Follow).await?),
            Self::Recorded(replay) => Exits::Recorded(replay.deaths()?),
        })
    }
}

impl Remote {
    /// The agent that `view` names, or the one at the default socket. If that one does not exist,
    /// returns the reason; if a named agent does not answer, that is an error.
    pub async fn find(
        FromArgs {
            agent: view,
            probes,
        }: &FromArgs,
    ) -> anyhow::Result<Result<Self, String>> {
        let named = view.url.is_some() || view.socket.is_some();
        let endpoint = match (&view.url, &view.socket) {
            (Some(url), _) => Endpoint::Url(Web::new(url, view)?),
            (None, Some(path)) => Endpoint::Socket(path.clone()),
            (None, None) => Endpoint::Socket(PathBuf::from(DEFAULT_SOCKET)),
        };
        match endpoint.probe().await {
            Ok(()) => {
                eprint_line(format_args!("reading from the agent at {endpoint}"));
                let asked = probes.asked().join(", ");
                if !asked.is_empty() {
                    eprint_line(format_args!(
                        "ignoring {asked}: that agent uses the probe options that it was started \
                         with"
                    ));
                }
                Ok(Ok(Self { endpoint }))
            }
            Err(error) if view.socket.is_some() && is_refusal(&error) => bail!(
                "this user may not open the agent's socket {endpoint}; run this with sudo, or \
                 start the agent with --socket-group and one of your groups"
            ),
            Err(error) if error.is::<Unresolved>() => bail!("{error}; correct --url"),
            Err(error) if named => bail!(
                "no agent answers at {endpoint}: {error}; start it there, or omit {}",
                if view.url.is_some() {
                    "--url"
                } else {
                    "--socket"
                }
            ),
            Err(error) => Ok(Err(absent(Path::new(DEFAULT_SOCKET), &error))),
        }
    }

    /// What the agent's host allows.
    pub async fn doctor(&self) -> anyhow::Result<Reply<Doctor>> {
        self.ask(&queries::path_of(&DoctorQuery {})).await
    }

    async fn ask<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Reply<A>> {
        let body = self.endpoint.get(path).await?;
        self.check(&body)?;
        Ok(Reply {
            answer: serde_json::from_slice(&body).with_context(|| self.no_agent())?,
            sent: Some(body),
        })
    }

    /// A different version may have different fields: its number comes first.
    fn check(&self, document: &[u8]) -> anyhow::Result<()> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u64,
        }
        let Versioned { version } =
            serde_json::from_slice(document).with_context(|| self.no_agent())?;
        self.check_version(version)
    }

    fn no_agent(&self) -> String {
        format!(
            "{} did not answer as an agent of this version does",
            self.endpoint
        )
    }

    fn check_version(&self, version: u64) -> anyhow::Result<()> {
        if version == u64::from(VERSION) {
            return Ok(());
        }
        bail!(
            "the agent at {} uses document version {version} and this command {VERSION}; use the \
             same release of both",
            self.endpoint
        )
    }
}

impl Exits {
    /// The next line; `None` when the agent has ended the stream. Cancel-safe.
    pub async fn next(&mut self) -> anyhow::Result<Option<ExitLine>> {
        let lines = match self {
            Self::Embedded(lines) => {
                let line = lines.next().await;
                return Ok(line.map(|line| line.parsed()).transpose()?);
            }
            Self::Recorded(deaths) => return Ok(deaths.recv().await),
            Self::Remote(lines) => lines,
        };
        loop {
            let Some(line) = lines.next().await? else {
                return Ok(None);
            };
            // Empty lines keep an idle stream alive.
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return serde_json::from_slice(&line).map(Some).with_context(|| {
                "the agent sent a malformed line; use the same release of both".to_owned()
            });
        }
    }
}

/// A recording at the moment given; prints a summary on stderr.
///
/// # Errors
/// If it cannot be read or has no such moment; one sentence.
pub fn recorded(recording: &Recording) -> anyhow::Result<Replay> {
    let replay = Replay::of(&recording.file)?;
    if let Some(at) = &recording.at {
        let at = at.in_recording(replay.began(), replay.length());
        replay.seek(at.map_err(|error| anyhow::anyhow!("--at: {error}"))?)?;
    }
    eprint_line(format_args!("{}", replay.about()));
    Ok(replay)
}

/// Waits for the agent's first snapshot. Before that, its answers would be empty.
async fn ready(handle: &Handle) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !handle.ask(Request::Health).await?.ready {
        if begun.elapsed() > READY {
            bail!(
                "the agent inside this command was not ready within {}; set RUST_LOG=debug to see \
                 what it is waiting for",
                humantime::format_duration(READY)
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Whether this user lacks permission.
fn is_refusal(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn absent(socket: &Path, error: &anyhow::Error) -> String {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    match kind {
        Some(std::io::ErrorKind::NotFound) => format!("no agent at {}", socket.display()),
        Some(std::io::ErrorKind::PermissionDenied) => {
            format!(
                "this user may not open the agent's socket {}",
                socket.display()
            )
        }
        _ => format!("no agent answers at {}: {error}", socket.display()),
    }
}

fn fix() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "`reapwatch doctor` shows what is missing"
    } else {
        "or start the agent with: sudo reapwatch agent"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::streams::Streams;
    use crate::handle::Health;
    use crate::server::tests::exit;

    /// A loop that is ready at the second check, and ends after its first stream.
    async fn agent(mut queue: mpsc::Receiver<Request>) {
        let mut beats = 0;
        while let Some(request) = queue.recv().await {
            match request {
                Request::Health(answer) => {
                    beats += 1;
                    let _ = answer.send(Health { ready: beats > 1 });
                }
                Request::Follow(answer) => {
                    let mut streams = Streams::keeping(0, 0);
                    let _ = answer.send(streams.follow());
                    return streams.send(&exit(1));
                }
                _ => {}
            }
        }
    }

    #[tokio::test]
    async fn an_embedded_agent_is_awaited_and_followed() {
        let (handle, queue) = Handle::new();
        tokio::spawn(agent(queue));
        ready(&handle).await.expect("it is ready soon");
        let source = Source::Embedded(handle);
        let mut exits = source.exits().await.expect("a stream");
        let line = exits.next().await.expect("a line");
        assert!(matches!(line, Some(ExitLine::Lost { lost: 1 })));
        assert!(exits.next().await.expect("an end").is_none());
        let error = source
            .ask(api::ZombiesQuery::default())
            .await
            .expect_err("the loop has ended");
        assert_eq!(error.to_string(), "the agent has stopped");
    }

    #[test]
    fn reasons_for_a_missing_agent_differ() {
        let why = |kind| {
            absent(
                Path::new("/run/x.sock"),
                &anyhow::Error::new(std::io::Error::from(kind)),
            )
        };
        assert_eq!(why(std::io::ErrorKind::NotFound), "no agent at /run/x.sock");
        assert!(why(std::io::ErrorKind::PermissionDenied).contains("may not open"));
        assert!(why(std::io::ErrorKind::ConnectionRefused).contains("no agent answers"));
    }
}
