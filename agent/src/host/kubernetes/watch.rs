//! Lists, then watches from there, repeatedly, as the
//! [API](https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes)
//! requires.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::time;

use super::api::{Container, Event, Failed, Pod as Seen, Server, in_time, remedy};
use crate::backoff;
use crate::client::http::Lines;
use crate::problem::Problem;
use model::workload::pods::{Failure, News, Pod};

/// How long a watch lasts; then the server ends it.
const WATCH: Duration = Duration::from_secs(290);
/// How long a watch may be silent: bookmarks arrive about once a minute.
const SILENCE: Duration = Duration::from_secs(WATCH.as_secs() + 10);

/// What to do about a refusal.
pub(super) const GRANT: &str = "let the service account get, list and watch pods";

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
    server: Server,
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

impl From<Failed> for End {
    fn from(Failed(failure, why): Failed) -> Self {
        Self::Failed(failure, why)
    }
}

/// Sends the pods of a node until the receiver is gone.
pub(super) async fn follow(server: Server, node: &str, send: impl Fn(News) -> bool) {
    let mut watcher = Watcher {
        server,
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
                    log_failure(&watcher.server, failure, &why);
                }
                if watcher.send(News::Failed(failure)).is_err() {
                    return;
                }
            }
        }
        time::sleep(waits.next().unwrap_or(backoff::LONGEST)).await;
    }
}

fn log_failure(server: &Server, failure: Failure, why: &str) {
    match failure {
        Failure::Forbidden => log::warn!(
            "the API server denies the watch on pods ({why}): {}; until then the watch provides no \
             names",
            remedy(why, GRANT)
        ),
        // Common after a long silence.
        Failure::Expired => log::info!("listing all pods again: {why}"),
        _ => log::warn!(
            "the watch on pods at {server} failed; retrying: {why}; check {}",
            server.suspicion()
        ),
    }
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
        let mut lines = self.watch(&version).await?;
        self.send(News::Up)?;
        let mut received = false;
        loop {
            let line = async { lines.wait().await.map_err(Failed::from) };
            let Some(line) = in_time(SILENCE, line).await? else {
                break;
            };
            let event = serde_json::from_slice(&line);
            self.take(event.map_err(|error| Failed::malformed(&error))?)?;
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
        let selected = [("resourceVersion", "0"), ("fieldSelector", &self.selector)];
        let list = self.server.list(&selected).await?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let pods = list.items.iter().flatten().filter_map(read);
        self.send(News::All(pods.collect()))?;
        self.go_on_from(Some(version.clone()));
        Ok(version)
    }

    async fn watch(&self, version: &str) -> Result<Lines, Failed> {
        let seconds = WATCH.as_secs().to_string();
        let selected = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &seconds),
            ("resourceVersion", version),
            ("fieldSelector", &self.selector),
        ];
        self.server.watch(&selected).await
    }

    fn take(&mut self, event: Event) -> Result<(), End> {
        let seen = match event {
            Event::Error(status) => return Err(Failed::from(status).into()),
            Event::Bookmark(seen) => seen,
            Event::Added(seen) | Event::Modified(seen) => {
                if let Some(pod) = read(&seen) {
                    self.send(News::There(pod))?;
                }
                seen
            }
            Event::Deleted(seen) => {
                // The last event of a pod may name a container that ended at once.
                if let Some(pod) = read(&seen) {
                    let uid = pod.uid.clone();
                    self.send(News::There(pod))?;
                    self.send(News::Gone(uid))?;
                }
                seen
            }
        };
        self.go_on_from(seen.metadata.resource_version);
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
    let kinds = status.map(|status| [&status.containers, &status.init, &status.ephemeral]);
    let all = kinds.into_iter().flatten().flatten().flatten();
    Some(Pod {
        uid: about.uid.clone()?,
        hash: about.annotations.as_ref().and_then(|it| it.hash.clone()),
        namespace: about.namespace.clone()?,
        name: about.name.clone()?,
        containers: all.flat_map(ids).collect(),
        sandboxes: Vec::new(),
    })
}

/// The ids of a container: the running one, and the previous one, which may still have zombies.
fn ids(container: &Container) -> impl Iterator<Item = (String, String)> {
    let last = container.last_state.as_ref();
    let last = last.and_then(|state| state.terminated.as_ref()?.id.as_ref());
    let ids = container.id.iter().chain(last);
    // `containerd://ID`, and empty before there is one.
    let bare = ids.filter_map(|id| Some(id.split_once("://")?.1.to_owned()));
    bare.map(|id| (id, container.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::api::List;
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

    #[test]
    fn damaged_answers_of_the_api_server_are_read() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop",
            "uid":"u","resourceVersion":"7","annotations":{"kubernetes.io/config.hash":"h"}},
            "status":{"containerStatuses":[{"name":"app","ready":true,"restartCount":1,"image":"i",
            "imageID":"","containerID":"containerd://a1"}]}}"#;
        let corpus = [
            format!(r#"{{"type":"ADDED","object":{pod}}}"#),
            format!(r#"{{"type":"DELETED","object":{pod}}}"#),
            r#"{"type":"BOOKMARK","object":{"apiVersion":"v1","kind":"Pod","metadata":
            {"resourceVersion":"12746","annotations":{}}}}"#
                .to_owned(),
            r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},
            "status":"Failure","message":"too old resource version","reason":"Expired","code":410}}"#
                .to_owned(),
            format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{}},"items":[{pod}]}}"#),
        ];
        fuzz::feed(&corpus, |bytes| {
            match serde_json::from_slice(bytes) {
                Ok(Event::Added(seen)) => drop(read(&seen)),
                Ok(Event::Error(status)) => drop(Failed::from(status)),
                _ => {}
            }
            if let Ok(list) = serde_json::from_slice::<List>(bytes) {
                list.items
                    .iter()
                    .flatten()
                    .for_each(|seen| drop(read(seen)));
            }
        });
    }
}
