//! Maps paths to requests to the loop.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawPathParams, Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;

use super::access::Stranger;
use super::budget::Budget;
use super::joined::Joined;
use super::landing;
use super::refusal::Refusal;
use super::stream;
use crate::handle::{Handle, Request, Stopped};
use crate::queries::{self, Ask, Parts};
use api::{
    CulpritsQuery, DoctorQuery, ExplainQuery, StuckQuery, TopQuery, WorkloadQuery, ZombiesQuery,
};

/// Where deaths are followed.
pub(super) const EXITS: &str = "/api/v1/exits";

/// How long the loop may take before it counts as stuck.
const BEAT: Duration = Duration::from_secs(1);

/// Maximum number of followers on one listener: half of its connections, so that they cannot lock
/// out requests for health and metrics.
pub(super) const FOLLOWERS: usize = 32;

/// How long any other response may take; below the 10 s of Prometheus' scrape timeout.
const ANSWER: Duration = Duration::from_secs(5);

/// State of the handlers.
#[derive(Clone)]
struct Agent {
    handle: Handle,
    stop: watch::Receiver<bool>,
    seats: Arc<Semaphore>,
    joined: Joined,
    budget: Budget,
}

impl Agent {
    async fn ask<T>(
        &self,
        limit: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Refusal> {
        self.within(limit, self.handle.ask(request)).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Refusal> {
        match timeout(limit, answer).await {
            Ok(answer) => answer.map_err(|stopped| Refusal::unavailable(stopped.to_string())),
            Err(_) => Err(Refusal::unavailable(format!(
                "the agent's event loop did not answer within {} s",
                limit.as_secs()
            ))),
        }
    }
}

impl Agent {
    /// Sends the parts of an answer, once the first is there.
    async fn begin(&self, mut parts: Parts) -> Result<Response, Refusal> {
        let share = self.budget.parts()?;
        let first = self.within(ANSWER, parts.try_next()).await?;
        let parts = iter(first.map(Ok)).chain(parts);
        let parts = parts.inspect(move |_| {
            let _until_the_end = &share;
        });
        Ok(json(Body::from_stream(parts)))
    }
}

/// All routes of one listener. Streams end when `stop` becomes true.
pub(super) fn router(handle: Handle, stop: watch::Receiver<bool>, budget: Budget) -> Router {
    let plain = Router::new()
        .route("/", get(landing))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route(EXITS, get(exits))
        .route_layer(middleware::from_fn(refuse_parameters));
    let queries = [
        answers::<ZombiesQuery>,
        answers::<CulpritsQuery>,
        answers::<ExplainQuery>,
        answers::<StuckQuery>,
        answers::<TopQuery>,
        answers::<DoctorQuery>,
        answers::<WorkloadQuery>,
    ];
    let router = queries.iter().fold(plain, |router, add| add(router));
    router
        .method_not_allowed_fallback(async |method: Method| Refusal::method(method.as_str()))
        .fallback(async |uri: Uri| Refusal::not_found(uri.path()))
        .with_state(Agent {
            handle,
            stop,
            seats: Arc::new(Semaphore::new(FOLLOWERS)),
            joined: Joined::default(),
            budget,
        })
}

/// Answers must not be cached, nor taken for another content type.
pub(super) fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The response of a TLS port to plain HTTP.
pub(super) fn unencrypted() -> Router {
    Router::new().fallback(async || Refusal::unencrypted())
}

/// An unknown parameter is probably a typo, and ignoring it would give a wrong answer.
async fn refuse_parameters(request: HttpRequest, next: Next) -> Result<Response, Refusal> {
    match request.uri().query() {
        None | Some("") => Ok(next.run(request).await),
        Some(query) => {
            let first = query.split(['=', '&']).next().unwrap_or_default();
            Err(Refusal::parameter(first))
        }
    }
}

async fn landing(
    State(agent): State<Agent>,
    stranger: Option<Extension<Stranger>>,
) -> Result<Html<String>, Refusal> {
    let doctor = agent.ask(ANSWER, Request::Doctor).await?;
    Ok(Html(landing::page(&doctor, stranger.is_some())))
}

async fn metrics(State(agent): State<Agent>) -> Result<impl IntoResponse, Refusal> {
    let page = agent.ask(ANSWER, Request::Metrics).await?;
    Ok((
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        agent.budget.page(page.text().into_bytes())?,
    ))
}

async fn healthz(State(agent): State<Agent>) -> Result<&'static str, Refusal> {
    agent.ask(BEAT, Request::Health).await?;
    Ok("ok\n")
}

async fn readyz(State(agent): State<Agent>) -> Result<&'static str, Refusal> {
    if agent.ask(BEAT, Request::Health).await?.ready {
        Ok("ready\n")
    } else {
        Err(Refusal::unavailable(
            "the probes are not attached, or the first snapshot is not done",
        ))
    }
}

/// Adds the route of a query.
fn answers<Q: Ask>(router: Router<Agent>) -> Router<Agent> {
    router.route(Q::ROUTE, get(answer::<Q>))
}

async fn answer<Q: Ask>(
    State(agent): State<Agent>,
    in_path: RawPathParams,
    uri: Uri,
) -> Result<Response, Refusal> {
    let in_path: Vec<_> = in_path.iter().collect();
    let query: Q =
        queries::parse(&in_path, uri.query().unwrap_or_default()).map_err(Refusal::bad)?;
    let path = queries::path_of(&query);
    let checked = query.check().map_err(Refusal::bad)?;
    let checked = match Q::parts(checked, agent.handle.clone()) {
        Ok(parts) => return agent.begin(parts).await,
        Err(checked) => checked,
    };
    let joined = agent.joined.clone();
    let ask = async move {
        let answer = agent.within(ANSWER, Q::ask(checked, &agent.handle)).await?;
        let body = serde_json::to_vec(&answer);
        let body = body
            .map_err(|error| Refusal::broken(format!("the answer cannot be written: {error}")))?;
        agent.budget.answer(body)
    };
    let body = joined.answer(path, ask).await?;
    Ok(json(body.into()))
}

fn json(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn exits(State(agent): State<Agent>) -> Result<impl IntoResponse, Refusal> {
    let seat = Arc::clone(&agent.seats).try_acquire_owned().map_err(|_| {
        Refusal::unavailable(format!(
            "{FOLLOWERS} clients are following deaths already; try again when one disconnects"
        ))
    })?;
    let lines = agent.ask(ANSWER, Request::Follow).await?;
    let body = stream::body(lines, agent.stop.clone(), seat);
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body))
}
