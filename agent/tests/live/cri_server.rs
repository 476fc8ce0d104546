//! As much of a container runtime as its clients see over CRI: two lists, answered as the test
//! sets. Its messages are written by hand, field by field, and not by the code with which the agent
//! reads them.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// How requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Correctly.
    Normal,
    /// Never.
    Silent,
    /// With an invalid message.
    Garbage,
    /// With a status of gRPC.
    Status(u8),
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// Namespace, name and uid of the pod.
    pub(crate) pod: [String; 3],
    /// The id of its pause process.
    pub(crate) sandbox: String,
    /// Id and name.
    pub(crate) container: [String; 2],
}

#[derive(Debug)]
struct State {
    behavior: Behavior,
    listed: Vec<Listed>,
    /// The path of each question.
    asked: Vec<String>,
}

/// A server for as long as the test.
#[derive(Debug)]
pub(crate) struct CriServer {
    folder: TempDir,
    state: Arc<Mutex<State>>,
    over: Option<oneshot::Sender<()>>,
}

impl CriServer {
    /// One that does not listen yet.
    pub(crate) fn absent() -> Self {
        let state = State {
            behavior: Behavior::Normal,
            listed: Vec::new(),
            asked: Vec::new(),
        };
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            state: Arc::new(Mutex::new(state)),
            over: None,
        }
    }

    /// One that listens.
    pub(crate) fn behaving(behavior: Behavior) -> Self {
        let mut server = Self::absent();
        server.set_behavior(behavior);
        server.listen();
        server
    }

    /// Begins to listen.
    pub(crate) fn listen(&mut self) {
        let (over, end) = oneshot::channel();
        let (listens, listening) = std::sync::mpsc::channel();
        let (socket, state) = (self.socket(), Arc::clone(&self.state));
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(async {
                let listener = UnixListener::bind(socket).expect("it can listen");
                listens.send(()).expect("the test waits");
                tokio::select! {
                    () = accept(&listener, &state) => {}
                    _over = end => {}
                }
            });
        });
        listening.recv().expect("it listens");
        self.over = Some(over);
    }

    /// The endpoint for an agent.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("cri.sock")
    }

    /// From now on it answers like this.
    pub(crate) fn set_behavior(&mut self, behavior: Behavior) {
        lock(&self.state).behavior = behavior;
    }

    /// From now on it lists this one too.
    pub(crate) fn add(&self, container: Listed) {
        lock(&self.state).listed.push(container);
    }

    /// The paths of its requests, each once.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = lock(&self.state).asked.clone();
        asked.sort();
        asked.dedup();
        asked
    }

    /// A folder with nothing in it but the socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no thread panics with it")
}

async fn accept(listener: &UnixListener, state: &Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a client connects");
        let state = Arc::clone(state);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let path = request.uri().path().to_owned();
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(&path, &state).await) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            // A client may leave at any time.
            drop(server.serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

async fn answer(
    path: &str,
    state: &Mutex<State>,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible> + use<>> {
    let (behavior, listed) = {
        let mut state = lock(state);
        state.asked.push(path.to_owned());
        (state.behavior, state.listed.clone())
    };
    if behavior == Behavior::Silent {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let message = match (behavior, path) {
        (Behavior::Garbage, _) => vec![0xff; 64],
        (_, "/runtime.v1.RuntimeService/ListContainers") => containers(&listed),
        (_, "/runtime.v1.RuntimeService/ListPodSandbox") => sandboxes(&listed),
        _ => Vec::new(),
    };
    let status = match behavior {
        Behavior::Status(code) => code,
        _ => 0,
    };
    // Not compressed, and the length.
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", u16::from(status).into());
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body);
    let kind = "application/grpc".parse().expect("it is a value");
    response.headers_mut().insert("content-type", kind);
    response
}

fn containers(listed: &[Listed]) -> Vec<u8> {
    let each = listed.iter().map(|it| {
        let [id, name] = &it.container;
        let metadata = field(3, &field(1, name.as_bytes()));
        let labels = field(8, &[field(1, b"some"), field(2, b"label")].concat());
        let ids = [field(1, id.as_bytes()), field(2, it.sandbox.as_bytes())];
        field(1, &[ids.concat(), metadata, labels].concat())
    });
    each.collect::<Vec<_>>().concat()
}

fn sandboxes(listed: &[Listed]) -> Vec<u8> {
    let each = listed.iter().map(|it| {
        let [namespace, name, uid] = it.pod.each_ref().map(String::as_bytes);
        let metadata = [field(1, name), field(2, uid), field(3, namespace)];
        let id = field(1, it.sandbox.as_bytes());
        field(1, &[id, field(2, &metadata.concat())].concat())
    });
    each.collect::<Vec<_>>().concat()
}

/// A field with a length, as
/// [protobuf](https://protobuf.dev/programming-guides/encoding) writes it.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut bytes = vec![number << 3 | 2];
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}
