//! Requests to the API server: lists and watches of pods, and objects to write. Of pods only the
//! needed fields are read: not the spec, which may contain secrets.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request;
use hyper::{Method, Request, Response, header};
use serde::Deserialize;
use serde_json::Value;
use tokio::time;

use crate::cli::Url;
use crate::client::http::Lines;
use crate::client::tls;
use crate::client::web::{self, Web};
use model::workload::pods::Failure;

/// Where a pod finds its credentials.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// The largest answer. A node has at most a few hundred pods of some 10 kB; whatever is far larger
/// is not a list of them, and would not fit into the agent's memory.
const MAX_BYTES: usize = 32 << 20;

/// How to trust the authority of a server that `--kube-url` names.
const TRUST: &str = "use an address with another certificate, such as that of `kubectl proxy`";

/// The API server, and how to be let in.
#[derive(Clone, Debug)]
pub(super) struct Server {
    web: Web,
    /// A file whose token is sent. It rotates, so it is read for each request.
    token: Option<PathBuf>,
}

/// Why a request or a watch failed.
#[derive(Debug)]
pub struct Failed(pub Failure, pub String);

/// The answer to a list.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) items: Option<Vec<Pod>>,
}

/// An event of a watch.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub(super) enum Event {
    Added(Pod),
    Modified(Pod),
    Deleted(Pod),
    Bookmark(Pod),
    Error(Status),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) uid: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) resource_version: Option<String>,
    pub(super) annotations: Option<Annotations>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Annotations {
    /// The cgroup of a static pod is named after this, not after its uid.
    #[serde(rename = "kubernetes.io/config.hash")]
    pub(super) hash: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) status: Option<PodStatus>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PodStatus {
    #[serde(rename = "containerStatuses")]
    pub(super) containers: Option<Vec<Container>>,
    #[serde(rename = "initContainerStatuses")]
    pub(super) init: Option<Vec<Container>>,
    #[serde(rename = "ephemeralContainerStatuses")]
    pub(super) ephemeral: Option<Vec<Container>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(rename = "containerID")]
    pub(super) id: Option<String>,
    pub(super) last_state: Option<LastState>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LastState {
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Terminated {
    #[serde(rename = "containerID")]
    pub(super) id: Option<String>,
}

/// The server's description of a failure.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) message: String,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.web.url.fmt(f)
    }
}

impl Server {
    /// The server at this address, without credentials, such as a proxy that adds them.
    pub(super) fn at(url: &Url) -> anyhow::Result<Self> {
        let web = Web::anonymous(url)?;
        Ok(Self { web, token: None })
    }

    /// The server at this host and port of the cluster around this pod.
    pub(super) fn around(host: &str, port: &str) -> anyhow::Result<Self> {
        let account = Path::new(ACCOUNT);
        let web = Web::certified(Url::https(host, port), &account.join("ca.crt"))?;
        let token = account.join("token");
        fs::metadata(&token).with_context(|| format!("cannot use {}", token.display()))?;
        Ok(Self {
            web,
            token: Some(token),
        })
    }

    /// What to check if it fails.
    pub(super) fn suspicion(&self) -> &'static str {
        match self.token {
            Some(_) => "that this pod can reach it",
            None => "--kube-url",
        }
    }

    /// All pods that these parameters select.
    pub(super) async fn list(&self, parameters: &[(&str, &str)]) -> Result<List, Failed> {
        let answer = async {
            let response = self.ask(parameters).await?;
            let body = whole(response).await?;
            serde_json::from_slice(&body).map_err(|error| Failed::malformed(&error))
        };
        in_time(ANSWER, answer).await
    }

    /// The lines of a watch, each an [`Event`].
    pub(super) async fn watch(&self, parameters: &[(&str, &str)]) -> Result<Lines, Failed> {
        let response = in_time(ANSWER, self.ask(parameters)).await?;
        Ok(Lines::of(response, MAX_BYTES))
    }

    /// Writes an object: it as the server has it then, or the status of a refusal.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        format: &'static str,
        object: &Value,
    ) -> Result<Result<Bytes, Status>, Failed> {
        let answer = async {
            let request = self.request(method, path);
            let request = request.header(header::CONTENT_TYPE, format);
            let response = self.send(request, object.to_string().into()).await?;
            if response.status().is_success() {
                return Ok(Ok(whole(response).await?));
            }
            Ok(Err(refusal(response).await))
        };
        in_time(ANSWER, answer).await
    }

    async fn ask(&self, parameters: &[(&str, &str)]) -> Result<Response<Incoming>, Failed> {
        let query = serde_urlencoded::to_string(parameters).map_err(anyhow::Error::from)?;
        let request = self.request(Method::GET, &format!("/api/v1/pods?{query}"));
        let response = self.send(request, Bytes::new()).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(response).await.into())
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        let target = format!("{}{path}", self.web.url.prefix);
        Request::builder().method(method).uri(target)
    }

    async fn send(
        &self,
        request: request::Builder,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut web = self.web.clone();
        if let Some(file) = &self.token {
            web.authorization = Some(web::bearer(file)?);
        }
        web.send(request, body).await
    }
}

/// What the server says of its refusal.
async fn refusal(response: Response<Incoming>) -> Status {
    let (code, reason) = (
        response.status().as_u16(),
        response.status().canonical_reason(),
    );
    let body = whole(response).await.unwrap_or_default();
    // A proxy may answer in words of its own.
    let mut status = serde_json::from_slice::<Status>(&body).unwrap_or_default();
    if status.message.is_empty() {
        reason.unwrap_or_default().clone_into(&mut status.message);
    }
    Status { code, ..status }
}

impl Failed {
    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        Self(Failure::Malformed, error.to_string())
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        let error = tls::explain(error, TRUST);
        Self(Failure::Disconnected, format!("{error:#}"))
    }
}

impl From<Status> for Failed {
    fn from(Status { code, message }: Status) -> Self {
        let failure = match code {
            401 | 403 => Failure::Forbidden,
            410 => Failure::Expired,
            _ => Failure::Server,
        };
        Self(failure, format!("{code} {message}").trim_end().to_owned())
    }
}

/// What to do about a refusal: `grant` permissions, unless the server does not know who asks.
pub fn remedy<'a>(why: &str, grant: &'a str) -> &'a str {
    if why.starts_with("401") {
        "recreate the pod, so that it gets another token; outside of a pod, set --kube-url to a \
         proxy that adds one, such as `kubectl proxy`"
    } else {
        grant
    }
}

/// Times out if the server does not answer.
pub(super) async fn in_time<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let late = |_| Failed(Failure::Slow, format!("no answer within {patience:?}"));
    time::timeout(patience, answer).await.map_err(late)?
}

async fn whole(response: Response<Incoming>) -> anyhow::Result<Bytes> {
    let body = Limited::new(response.into_body(), MAX_BYTES)
        .collect()
        .await;
    body.map(Collected::to_bytes)
        .map_err(|error| anyhow!("the answer was cut short: {error}"))
}
