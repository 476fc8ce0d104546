//! Lists, then watches from there, repeatedly, as the
//! [API](https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes)
//! requires.

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as ApiPod, PodStatus};
use kube::{
    Api, Client, Error,
    api::{ApiResource, ListParams, NotUsed, Object, WatchEvent, WatchParams},
    core::Status,
};
use tokio::time;

use crate::backoff;
use crate::problem::Problem;
use model::workload::pods::{Failure, News, Pod};

/// A pod with only the needed fields: not its spec, which may contain secrets.
type Seen = Object<NotUsed, PodStatus>;

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How long a watch lasts, in seconds; then the server ends it.
const WATCH_SECONDS: u32 = 290;
/// How long a watch may be silent: bookmarks arrive about once a minute.
const SILENCE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 10);
/// The cgroup of a static pod is named after this, not after its uid.
const HASH: &str = "kubernetes.io/config.hash";

/// The receiver is gone.
struct Deaf;

/// Why a round ended.
enum End {
    /// The server ended the watch after some events, as it does every few minutes.
    Over,
    /// Too early.
    Failed(Failure, String),
    /// The receiver is gone.
    Deaf,
}

/// State kept between rounds.
struct Watcher<T> {
    pods: Api<Seen>,
    selector: String,
    send: T,
    /// The version to watch from; `None` if all must be listed.
    from: Option<String>,
    /// Whether this round has sent anything.
    heard: bool,
}

impl From<Deaf> for End {
    fn from(Deaf: Deaf) -> Self {
        Self::Deaf
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        let failure = match &error {
            Error::Api(status) => return status.as_ref().into(),
            Error::SerdeError(_) | Error::FromUtf8(_) | Error::LinesCodecMaxLineLengthExceeded => {
                Failure::Malformed
            }
            _ => Failure::Disconnected,
        };
        Self::Failed(failure, format!("{:#}", anyhow::Error::new(error)))
    }
}

impl From<&Status> for End {
    fn from(status: &Status) -> Self {
        let failure = match status.code {
            401 | 403 => Failure::Forbidden,
            410 => Failure::Expired,
            _ => Failure::Server,
        };
        Self::Failed(failure, format!("{} {}", status.code, status.message))
    }
}

/// Sends the pods of a node until the receiver is gone.
pub(super) async fn follow(client: Client, node: &str, send: impl Fn(News) -> bool) {
    let kind = ApiResource::erase::<ApiPod>(&());
    let mut watcher = Watcher {
        pods: Api::all_with(client, &kind),
        selector: format!("spec.nodeName={node}"),
        send,
        from: None,
        heard: false,
    };
    let mut waits = backoff::retry_delays();
    let problem = Problem::new();
    loop {
        watcher.heard = false;
        let Err(end) = watcher.round().await;
        if watcher.heard {
            waits = backoff::retry_delays();
            problem.note(None, Instant::now());
        }
        match end {
            End::Deaf => return,
            End::Over => {}
            End::Failed(failure, why) => {
                if matches!(failure, Failure::Expired | Failure::Malformed) {
                    watcher.from = None;
                }
                if problem.note(Some(failure), Instant::now()).is_some() {
                    log_failure(failure, &why);
                }
                if watcher.send(News::Failed(failure)).is_err() {
                    return;
                }
            }
        }
        time::sleep(waits.next().unwrap_or(backoff::LONGEST)).await;
    }
}

fn log_failure(failure: Failure, why: &str) {
    match failure {
        Failure::Forbidden => log::warn!(
            "the API server denies the watch on pods ({why}): let the service account get, list \
             and watch pods; until then the watch provides no names"
        ),
        // Common after a long silence.
        Failure::Expired => log::info!("listing all pods again: {why}"),
        _ => log::warn!("the watch on pods failed; retrying: {why}"),
    }
}

/// Times out if the server does not answer.
async fn in_time<T, E: Into<End>>(
    patience: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, End> {
    let late = |_| End::Failed(Failure::Slow, format!("no answer within {patience:?}"));
    let answer = time::timeout(patience, answer).await.map_err(late)?;
    answer.map_err(Into::into)
}

impl<T: Fn(News) -> bool> Watcher<T> {
    fn send(&self, news: News) -> Result<(), Deaf> {
        (self.send)(news).then_some(()).ok_or(Deaf)
    }

    /// Lists if necessary, then sends changes until the watch ends.
    async fn round(&mut self) -> Result<Infallible, End> {
        let version = match self.from.clone() {
            Some(version) => version,
            None => self.list().await?,
        };
        let how = WatchParams::default()
            .fields(&self.selector)
            .timeout(WATCH_SECONDS);
        let events = in_time(ANSWER, self.pods.watch(&how, &version)).await?;
        let mut events = pin!(events);
        self.send(News::Up)?;
        let mut received = false;
        while let Some(event) =
            in_time(SILENCE, async { Ok::<_, End>(events.next().await) }).await?
        {
            self.take(event?)?;
            received = true;
        }
        if received {
            return Err(End::Over);
        }
        let why = "the watch ended before its first event".to_owned();
        Err(End::Failed(Failure::Disconnected, why))
    }

    /// All pods of the node, from the server's cache, which serves only lists without pages, so
    /// that the server need not read the whole cluster from its store for each node.
    async fn list(&mut self) -> Result<String, End> {
        let how = ListParams::default().fields(&self.selector).match_any();
        let list = in_time(ANSWER, self.pods.list(&how)).await?;
        let version = list.metadata.resource_version.unwrap_or_default();
        self.send(News::All(list.items.iter().filter_map(read).collect()))?;
        self.go_on_from(Some(version.clone()));
        Ok(version)
    }

    fn take(&mut self, event: WatchEvent<Seen>) -> Result<(), End> {
        let seen = match event {
            WatchEvent::Error(status) => return Err(status.as_ref().into()),
            WatchEvent::Bookmark(mark) => {
                self.go_on_from(Some(mark.metadata.resource_version));
                return Ok(());
            }
            WatchEvent::Added(ref seen) | WatchEvent::Modified(ref seen) => {
                if let Some(pod) = read(seen) {
                    self.send(News::There(pod))?;
                }
                seen
            }
            WatchEvent::Deleted(ref seen) => {
                // The last event of a pod may name a container that ended at once.
                if let Some(pod) = read(seen) {
                    let uid = pod.uid.clone();
                    self.send(News::There(pod))?;
                    self.send(News::Gone(uid))?;
                }
                seen
            }
        };
        self.go_on_from(seen.metadata.resource_version.clone());
        Ok(())
    }

    fn go_on_from(&mut self, version: Option<String>) {
        self.from = version.filter(|version| !version.is_empty());
        self.heard = true;
    }
}

/// The needed fields of a pod.
fn read(seen: &Seen) -> Option<Pod> {
    let about = &seen.metadata;
    let status = seen.status.as_ref();
    let kinds = status.map(|status| {
        [
            &status.container_statuses,
            &status.init_container_statuses,
            &status.ephemeral_container_statuses,
        ]
    });
    let all = kinds.into_iter().flatten().flatten().flatten();
    Some(Pod {
        uid: about.uid.clone()?,
        hash: about
            .annotations
            .as_ref()
            .and_then(|it| it.get(HASH))
            .cloned(),
        namespace: about.namespace.clone()?,
        name: about.name.clone()?,
        containers: all.flat_map(ids).collect(),
        sandboxes: Vec::new(),
    })
}

/// The ids of a container: the running one, and the previous one, which may still have zombies.
fn ids(status: &ContainerStatus) -> impl Iterator<Item = (String, String)> {
    let last = status.last_state.as_ref();
    let last = last.and_then(|state| state.terminated.as_ref()?.container_id.as_ref());
    let ids = status.container_id.iter().chain(last);
    // `containerd://ID`, and empty before there is one.
    let bare = ids.filter_map(|id| Some(id.split_once("://")?.1.to_owned()));
    bare.map(|id| (id, status.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ids_of_a_pod_are_read() {
        let seen: Seen = serde_json::from_str(
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop",
            "uid":"u","annotations":{"kubernetes.io/config.hash":"h"}},"spec":{"nodeName":"n"},
            "status":{"phase":"Running","containerStatuses":[{"name":"app","ready":true,
            "restartCount":1,"image":"i","imageID":"","containerID":"containerd://a1",
            "lastState":{"terminated":{"exitCode":1,"containerID":"containerd://a0"}}},
            {"name":"late","containerID":"","ready":false,"restartCount":0,"image":"","imageID":""}],
            "initContainerStatuses":[{"name":"init","containerID":"cri-o://b","ready":true,
            "restartCount":0,"image":"","imageID":""}]}}"#,
        )
        .expect("it is a pod");
        let names = [("a1", "app"), ("a0", "app"), ("b", "init")];
        let expected = Pod {
            uid: "u".to_owned(),
            hash: Some("h".to_owned()),
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
            containers: names
                .map(|(id, name)| (id.to_owned(), name.to_owned()))
                .into(),
            sandboxes: Vec::new(),
        };
        assert_eq!(read(&seen), Some(expected));
    }
}
