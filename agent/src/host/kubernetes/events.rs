//! Events on pods. They are of core/v1, with a count: unlike the series of events.k8s.io/v1, every
//! version of `kubectl describe pod` shows all of that.

use std::fmt::Write as _;

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Cluster;
use super::api::{Failed, Server, Status};
use api::Time;

/// Who reports them.
const REPORTER: &str = "reapwatch";
/// The annotation with the id of the verdict.
const VERDICT: &str = "reapwatch/verdict";
/// The longest name of an object.
const LONGEST_NAME: usize = 253;
/// What the server says of a namespace that is being deleted, with the code of missing permission.
const TERMINATING: &str = "is being terminated";

/// What happens in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its uid, for a static pod its hash: that is the uid of kubelet's own Events on it.
    pub uid: String,
    /// One word in CamelCase: the kind of problem, which stays the same when its verdict changes.
    pub reason: &'static str,
    /// The id of the verdict.
    pub verdict: String,
    /// One sentence.
    pub message: String,
}

/// Writes Events through the API server.
#[derive(Debug)]
pub struct Events {
    server: Server,
    node: String,
}

/// The needed field of a stored Event.
#[derive(Debug, Deserialize)]
struct Stored {
    count: Option<u64>,
}

impl From<Cluster> for Events {
    fn from(Cluster { server, node }: Cluster) -> Self {
        Self { server, node }
    }
}

impl Events {
    /// Writes an Event that this agent has written so many times. Returns how often it has happened,
    /// as the server has it; `None` if the server takes no Event there, because the namespace is
    /// being deleted.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn write(
        &self,
        event: &PodEvent,
        times: u64,
        at: Time<0>,
    ) -> Result<Option<u64>, Failed> {
        if times > 0
            && let Some(count) = self.repeat(event, Some(times + 1), at).await?
        {
            return Ok(Some(count));
        }
        let path = path(event);
        let object = self.object(event, at);
        let written = self
            .server
            .write(Method::POST, &path, "application/json", &object);
        match written.await? {
            Ok(_) => Ok(Some(1)),
            // An earlier agent has written it. Its count is known once it is changed.
            Err(Status { code: 409, .. }) => match self.repeat(event, None, at).await? {
                Some(count) => self.repeat(event, Some(count + 1), at).await,
                None => Ok(None),
            },
            Err(Status { code: 404, .. }) => Ok(None),
            Err(status) if status.message.contains(TERMINATING) => Ok(None),
            Err(status) => Err(status.into()),
        }
    }

    /// Changes a stored one; `None` if it has expired.
    async fn repeat(
        &self,
        event: &PodEvent,
        count: Option<u64>,
        at: Time<0>,
    ) -> Result<Option<u64>, Failed> {
        let path = format!("{}/{}", path(event), name(event));
        let mut change = json!({
            "metadata": {"annotations": {VERDICT: event.verdict}},
            "lastTimestamp": at,
            "message": event.message,
        });
        if let Some(count) = count {
            change["count"] = count.into();
        }
        let format = "application/merge-patch+json";
        match self
            .server
            .write(Method::PATCH, &path, format, &change)
            .await?
        {
            Ok(stored) => {
                let stored: Stored =
                    serde_json::from_slice(&stored).map_err(|error| Failed::malformed(&error))?;
                Ok(Some(stored.count.unwrap_or(1)))
            }
            Err(Status { code: 404, .. }) => Ok(None),
            Err(status) => Err(status.into()),
        }
    }

    fn object(&self, event: &PodEvent, at: Time<0>) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "namespace": event.namespace,
                "name": name(event),
                "annotations": {VERDICT: event.verdict},
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": event.namespace,
                "name": event.pod,
                "uid": event.uid,
            },
            "type": "Warning",
            "reason": event.reason,
            "message": event.message,
            "count": 1,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "source": {"component": REPORTER, "host": self.node},
            "reportingComponent": REPORTER,
            "reportingInstance": self.node,
        })
    }
}

fn path(event: &PodEvent) -> String {
    format!("/api/v1/namespaces/{}/events", event.namespace)
}

/// It names neither the agent nor the verdict, so that the next agent on the node goes on with the
/// Event, and a better verdict replaces a guess.
fn name(event: &PodEvent) -> String {
    let hash = Sha256::digest(format!("{REPORTER}/{}/{}", event.uid, event.reason));
    let suffix = hash[..8].iter().fold(String::from("."), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let pod = event.pod.get(..LONGEST_NAME - suffix.len());
    let pod = pod.unwrap_or(&event.pod).trim_end_matches(['-', '.']);
    format!("{pod}{suffix}")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::cli::Url;
    use model::workload::pods::Failure;

    fn event(pod: &str) -> PodEvent {
        PodEvent {
            namespace: "shop".to_owned(),
            pod: pod.to_owned(),
            uid: "u-1".to_owned(),
            reason: "ZombieLeak",
            verdict: "never_waits".to_owned(),
            message: "app (PID 7) does not wait".to_owned(),
        }
    }

    fn at() -> Time<0> {
        Time("2026-11-30T01:02:03.9Z".parse().expect("a time"))
    }

    /// What `write` returns, and the requests that it made: each one gets the next answer.
    async fn written(
        times: u64,
        answers: Vec<(u16, &'static str)>,
    ) -> (Result<Option<u64>, Failed>, Vec<String>) {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = Url {
            encrypted: false,
            authority: server.local_addr().expect("it is bound").to_string(),
            prefix: "/proxy".to_owned(),
            user: None,
        };
        let serving = thread::spawn(move || {
            let answer = |(code, text): (u16, &str)| {
                let (mut stream, _) = server.accept().expect("it connects");
                let mut request = Vec::new();
                // Our requests end with the only object that they have.
                while !request.ends_with(b"}") {
                    let mut part = [0; 4 << 10];
                    let length = stream.read(&mut part).expect("a request");
                    assert!(length > 0, "{request:?}");
                    request.extend(&part[..length]);
                }
                let length = text.len();
                let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {length}\r\n\r\n{text}");
                stream.write_all(head.as_bytes()).expect("it is read");
                String::from_utf8(request).expect("it is text")
            };
            answers.into_iter().map(answer).collect()
        });
        let cluster = Cluster::at(&url, "node-1".to_owned()).expect("it needs no authority");
        let result = Events::from(cluster)
            .write(&event("web-0"), times, at())
            .await;
        (result, serving.join().expect("it ends"))
    }

    /// The object in a request.
    fn object(request: &str) -> Value {
        let (_, body) = request.split_once("\r\n\r\n").expect("it has a body");
        serde_json::from_str(body).expect("it is JSON")
    }

    #[tokio::test]
    async fn the_first_event_is_created_on_its_pod() {
        let (count, requests) = written(0, vec![(201, "{}")]).await;
        assert_eq!(count.expect("it is written"), Some(1));
        let line = "POST /proxy/api/v1/namespaces/shop/events HTTP/1.1\r\n";
        assert!(requests[0].starts_with(line), "{}", requests[0]);
        let event = object(&requests[0]);
        assert_eq!(event["involvedObject"]["uid"], "u-1");
        assert_eq!(event["lastTimestamp"], "2026-11-30T01:02:03Z");
        assert_eq!(event["reportingComponent"], REPORTER);
        assert_eq!(event["source"]["host"], "node-1");
    }

    #[tokio::test]
    async fn the_next_ones_are_counted() {
        let (count, requests) = written(2, vec![(200, r#"{"count":3}"#)]).await;
        assert_eq!(count.expect("it is written"), Some(3));
        let line = "PATCH /proxy/api/v1/namespaces/shop/events/web-0.";
        assert!(requests[0].starts_with(line), "{}", requests[0]);
        let change = object(&requests[0]);
        assert_eq!(change["count"], 3);
        assert_eq!(change["metadata"]["annotations"][VERDICT], "never_waits");
    }

    #[tokio::test]
    async fn an_expired_one_is_created_again() {
        let (count, requests) = written(2, vec![(404, "{}"), (201, "{}")]).await;
        assert_eq!(count.expect("it is written"), Some(1));
        assert_eq!(object(&requests[1])["count"], 1);
    }

    #[tokio::test]
    async fn an_agent_goes_on_with_the_event_of_the_one_before() {
        let stored = [r#"{"count":7}"#, r#"{"count":8}"#].map(|object| (200, object));
        let answers = [&[(409, "{}")], &stored[..]].concat();
        let (count, requests) = written(0, answers).await;
        assert_eq!(count.expect("it is written"), Some(8));
        assert_eq!(object(&requests[1])["count"], Value::Null);
        assert_eq!(object(&requests[2])["count"], 8);
    }

    #[tokio::test]
    async fn a_namespace_that_is_being_deleted_takes_none() {
        let message = r#"{"message":"namespace shop is being terminated"}"#;
        let (count, _) = written(0, vec![(403, message)]).await;
        assert_eq!(count.expect("that is no failure"), None);
    }

    #[tokio::test]
    async fn missing_permission_is_a_failure() {
        let message = r#"{"message":"cannot create resource \"events\""}"#;
        let (refused, _) = written(0, vec![(403, message)]).await;
        let Failed(failure, why) = refused.expect_err("it is refused");
        assert_eq!(failure, Failure::Forbidden);
        assert!(why.contains("cannot create"), "{why}");
    }

    #[test]
    fn names_are_valid_and_those_of_a_pod_and_reason() {
        let long = name(&event(&format!("{}-{}", "x".repeat(235), "y".repeat(17))));
        assert!(long.len() <= LONGEST_NAME && !long.contains("-."), "{long}");
        assert_eq!(name(&event("web-0")), name(&event("web-0")));
        let better = PodEvent {
            verdict: "sigchld_blocked".to_owned(),
            ..event("web-0")
        };
        assert_eq!(name(&event("web-0")), name(&better));
        let other = PodEvent {
            reason: "ExitStuck",
            ..event("web-0")
        };
        assert_ne!(name(&event("web-0")), name(&other));
    }
}
