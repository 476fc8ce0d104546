//! Lists all containers and pods of the runtime over one connection.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    io, iter,
    path::Path,
    time::Duration,
};

use hyper::{
    Request,
    client::conn::http2,
    http::uri::{PathAndQuery, Uri},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{net::UnixStream, task::JoinSet, time};
use tonic::{Code, Status, body::Body, client::Grpc, client::GrpcService};
use tonic_prost::ProstCodec;

use super::{
    NoAnswer,
    wire::{All, Container, Containers, Sandbox, Sandboxes},
};
use model::workload::pods::{Failure, Pod};

/// Timeout for all of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest response, as for kubelet
/// (<https://github.com/kubernetes/cri-client/blob/master/pkg/remote_runtime.go>).
const MOST_BYTES: usize = 16 << 20;
/// Maximum number of containers kept per pod: running ones and earlier ones.
const MOST_OF_POD: usize = 64;
/// Maximum length of ids, and of names except a pod's
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names>).
const LONGEST: usize = 64;
const LONGEST_POD: usize = 253;

/// The pods that the runtime knows, including ended ones that are not removed yet.
pub(super) async fn list(socket: &Path) -> Result<Vec<Pod>, NoAnswer> {
    let late = |_| NoAnswer {
        failure: Failure::Slow,
        why: format!("no answer within {PATIENCE:?}"),
    };
    time::timeout(PATIENCE, ask(socket)).await.map_err(late)?
}

async fn ask(socket: &Path) -> Result<Vec<Pod>, NoAnswer> {
    let stream = UnixStream::connect(socket).await?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(broken)?;
    // The connection ends with this value.
    let mut connected = JoinSet::new();
    connected.spawn(connection);
    let send = tower::service_fn(move |request: Request<Body>| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    // HTTP requires an address; containerd accepts any, and kubelet sends this one.
    let client = Grpc::with_origin(send, Uri::from_static("http://localhost"));
    let mut client = client.max_decoding_message_size(MOST_BYTES);
    let listed = lists(&mut client).await;
    // Ends the connection.
    drop(client);
    match (listed, connected.join_next().await) {
        // A request after the end of the connection does not know why it ended.
        (Err(_), Some(Ok(Err(error)))) => Err(broken(error)),
        (listed, _) => listed,
    }
}

async fn lists<T>(client: &mut Grpc<T>) -> Result<Vec<Pod>, NoAnswer>
where
    T: GrpcService<Body>,
    T::ResponseBody: Send + 'static,
    <T::ResponseBody as hyper::body::Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A pod created in between has no container yet.
    let path = "/runtime.v1.RuntimeService/ListContainers";
    let Containers { containers } = unary(client, path).await?;
    let path = "/runtime.v1.RuntimeService/ListPodSandbox";
    let Sandboxes { items } = unary(client, path).await?;
    Ok(join(items, containers))
}

async fn unary<T, A>(client: &mut Grpc<T>, path: &'static str) -> Result<A, NoAnswer>
where
    T: GrpcService<Body>,
    T::ResponseBody: Send + 'static,
    <T::ResponseBody as hyper::body::Body>::Error: Into<Box<dyn Error + Send + Sync>>,
    A: Message + Default + 'static,
{
    let mut request = tonic::Request::new(All {});
    // So that the runtime stops working if we have gone.
    request.set_timeout(PATIENCE);
    let codec = ProstCodec::<All, A>::default();
    let answer = client.unary(request, PathAndQuery::from_static(path), codec);
    Ok(answer.await?.into_inner())
}

fn broken(error: hyper::Error) -> NoAnswer {
    Status::from_error(error.into()).into()
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        let failure = match error.kind() {
            io::ErrorKind::PermissionDenied => Failure::Forbidden,
            _ => Failure::Disconnected,
        };
        let why = error.to_string();
        Self { failure, why }
    }
}

impl From<Status> for NoAnswer {
    /// A status from the runtime has no source; one from the connection has its error.
    fn from(status: Status) -> Self {
        let chain = iter::successors(status.source(), |&error| error.source());
        let causes: Vec<_> = chain.collect();
        let broke = causes.iter().any(|error| {
            let closed = error.downcast_ref::<hyper::Error>();
            error.is::<io::Error>() || closed.is_some_and(|it| it.is_canceled() || it.is_closed())
        });
        let failure = match status.code() {
            _ if broke => Failure::Disconnected,
            _ if !causes.is_empty() => Failure::Malformed,
            Code::PermissionDenied | Code::Unauthenticated => Failure::Forbidden,
            Code::DeadlineExceeded => Failure::Slow,
            // Undecodable or too long.
            Code::Internal | Code::OutOfRange => Failure::Malformed,
            _ => Failure::Server,
        };
        let why = causes.last().map(ToString::to_string);
        let why = why.unwrap_or_else(|| status.message().to_owned());
        Self { failure, why }
    }
}

/// Pods by uid. Those with an implausible id or name are skipped and shown by cgroup id.
fn join(sandboxes: Vec<Sandbox>, containers: Vec<Container>) -> Vec<Pod> {
    let mut pods = BTreeMap::<String, Pod>::new();
    let mut uids = HashMap::new();
    for Sandbox { id, metadata } in sandboxes {
        let metadata = metadata.unwrap_or_default();
        let named = is_name(&metadata.namespace, LONGEST) && is_name(&metadata.name, LONGEST_POD);
        if !named || !is_name(&metadata.uid, LONGEST) || !is_name(&id, LONGEST) {
            continue;
        }
        let pod = pods.entry(metadata.uid.clone()).or_insert_with(|| Pod {
            uid: metadata.uid.clone(),
            namespace: metadata.namespace,
            name: metadata.name,
            ..Pod::default()
        });
        if pod.sandboxes.len() < MOST_OF_POD {
            pod.sandboxes.push(id.clone());
            uids.insert(id, metadata.uid);
        }
    }
    for container in containers {
        let name = container.metadata.unwrap_or_default().name;
        let uid = uids.get(&container.pod_sandbox_id);
        let pod = uid.and_then(|uid| pods.get_mut(uid));
        if let Some(pod) = pod.filter(|pod| pod.containers.len() < MOST_OF_POD)
            && is_name(&container.id, LONGEST)
            && is_name(&name, LONGEST)
        {
            pod.containers.push((container.id, name));
        }
    }
    pods.into_values().collect()
}

fn is_name(text: &str, longest: usize) -> bool {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    graphic && (1..=longest).contains(&text.len())
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
