//! The server over real sockets, with a fake loop.

mod answers;
mod attacks;
mod binding;
mod ends;
mod followers;
mod tls;
mod users;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Web, bind, listen::Listeners, serve};
use crate::engine::streams::Streams;
use crate::handle::{Handle, Health, Request};
use crate::metrics::{Metrics, Page, Sample};
use api::{
    Culprits, Doctor, Document, Explained, Explanation, FinishedExit, Habits, Head, HookKind,
    ProcessState, Seconds, Summary, Time, Top, VERSION, WorkloadHabits, Zombie,
};
use model::events::Key;
use model::state::{ChosenZombies, ListedZombies};

const SERIES: &str = "reapwatch_probe_info{hook=\"kprobe:release_task\",probe=\"reap\"} 1";

/// A test fails only after this time, since the machine may be busy.
const LONG: Duration = Duration::from_secs(60);

/// How the fake loop behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loop {
    Ready,
    Starting,
    /// Takes requests but never answers.
    Stuck,
    /// Has ended.
    Gone,
}

/// A server on its own thread.
struct Server {
    tcp: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    ended: std::sync::mpsc::Receiver<()>,
    /// How many rows of zombies its loop has made.
    rows: Arc<AtomicUsize>,
}

impl Server {
    /// On a free TCP port.
    fn on_tcp(behaviour: Loop) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start(bind(Some(any), None).expect("a port is free"), behaviour)
    }

    fn on_socket(path: &Path) -> Self {
        Self::start(
            bind(None, Some(path)).expect("the socket can be had"),
            Loop::Ready,
        )
    }

    /// On a free TCP port, with this web config file.
    fn guarded(config: &Path) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let web = Web::load(config).expect("the file is right");
        let listeners = bind(Some(any), None).expect("a port is free");
        Self::start(listeners.guarded_by(Some(web)), Loop::Ready)
    }

    fn start(listeners: Listeners, behaviour: Loop) -> Self {
        let tcp = listeners.tcp_address();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = std::sync::mpsc::channel();
        let rows = Arc::<AtomicUsize>::default();
        let made = Arc::clone(&rows);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be built");
            runtime.block_on(async move {
                let (handle, requests) = Handle::new();
                tokio::spawn(pretend(requests, behaviour, made));
                let shutdown = async move {
                    let _ = stopped.await;
                };
                serve(listeners, handle, shutdown)
                    .await
                    .expect("the listeners serve");
            });
            let _ = end.send(());
        });
        Self {
            tcp,
            stop: Some(stop),
            thread: Some(thread),
            ended,
            rows,
        }
    }

    /// Shuts the server down and waits until it has ended.
    #[track_caller]
    fn end(&mut self) {
        drop(self.stop.take());
        self.ended
            .recv_timeout(LONG)
            .expect("the server ends when told");
        self.thread
            .take()
            .expect("it is ended once")
            .join()
            .expect("the server did not panic");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.tcp.expect("it serves TCP")).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("it is not zero");
        stream
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    fn ask(&self, method: &str, path: &str) -> Answer {
        Answer::to(self.connect(), method, path)
    }
}

/// The content of a chunked body, which must end whole.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a number");
        let (content, rest) = rest.split_at(size);
        if content.is_empty() {
            return body;
        }
        body.push_str(content);
        chunks = rest.strip_prefix("\r\n").expect("the end of a chunk");
    }
}

async fn pretend(mut requests: mpsc::Receiver<Request>, behaviour: Loop, rows: Arc<AtomicUsize>) {
    let mut kept = Vec::new();
    let mut followers = Vec::new();
    if behaviour == Loop::Gone {
        return;
    }
    while let Some(request) = requests.recv().await {
        if behaviour == Loop::Stuck {
            kept.push(request);
            continue;
        }
        // A client may disconnect before its response.
        let _ = match request {
            Request::Zombies(_, answer) => answer.send(listed()).is_ok(),
            Request::ZombieRows(keys, answer) => {
                rows.fetch_add(keys.len(), Ordering::Relaxed);
                answer.send(keys.into_iter().map(zombie).collect()).is_ok()
            }
            Request::Culprits(_, answer) => answer
                .send(Culprits {
                    document: document(Vec::new()),
                    pids: Vec::new(),
                })
                .is_ok(),
            Request::Explain(pid, _, answer) => answer.send(explained(pid)).is_ok(),
            Request::Stuck(_, answer) => answer.send(document(Vec::new())).is_ok(),
            Request::Top(_, answer) => answer.send(document(vec![top()])).is_ok(),
            Request::Workload(cgroup, answer) => answer.send(workload(cgroup)).is_ok(),
            Request::Doctor(answer) => answer.send(doctor()).is_ok(),
            Request::Metrics(answer) => answer.send(page()).is_ok(),
            Request::Health(answer) => answer
                .send(Health {
                    ready: behaviour == Loop::Ready,
                })
                .is_ok(),
            Request::Follow(answer) => {
                // Seven do not fit.
                let mut streams = Streams::keeping(2, usize::MAX);
                let lines = streams.follow();
                (1..=9).for_each(|pid| streams.send(&exit(pid)));
                followers.push(streams);
                answer.send(lines).is_ok()
            }
        };
    }
}

fn head() -> Head {
    Head {
        version: VERSION,
        host: "testhost".to_owned(),
        kernel: "6.1.0".to_owned(),
        source: HookKind::Fentry.into(),
        at: Time("2026-01-01T00:00:00Z".parse().expect("a time")),
        lost_events: 3,
        unlisted_zombies: 0,
    }
}

fn document<T>(items: Vec<T>) -> Document<T> {
    Document {
        head: head(),
        total: items.len() as u64,
        items,
        notes: Vec::new(),
    }
}

/// How many zombies the host of the fake loop has.
const ZOMBIES: u32 = 50_000;

fn listed() -> ListedZombies {
    let key = |tgid| Key { tgid, start_ns: 0 };
    let document = document(Vec::new());
    ListedZombies {
        document: Document {
            total: ZOMBIES.into(),
            ..document
        },
        chosen: ChosenZombies::Ordered((1..=ZOMBIES).map(key).collect()),
    }
}

fn zombie(key: Key) -> Zombie {
    let zombie = json!({
        "pid": key.tgid, "start_time": null, "comm": "sleep", "exit": null, "died_at": null,
        "zombie_seconds": 1.5, "age_is_lower_bound": false, "forker": null, "parent": null,
        "tracer": null, "container": null, "verdict": null,
    });
    serde_json::from_value(zombie).expect("it is complete")
}

/// Of as many processes as its path has letters.
fn workload(cgroup: Option<String>) -> WorkloadHabits {
    WorkloadHabits {
        head: head(),
        parents: cgroup.map_or(0, |it| it.len() as u64),
        habits: Habits {
            p50_seconds: None,
            p99_seconds: None,
            zombie_times: Vec::new(),
            zombies_last_minute: Vec::new(),
            last_reaps: Vec::new(),
        },
    }
}

fn explained(pid: u32) -> Explained {
    Explained {
        head: head(),
        story: Explanation {
            pid,
            process: None,
            state: ProcessState::Unknown.into(),
            exit_has_begun: None,
            leader_exited: false,
            threads: None,
            summary: String::new(),
            meaning: None,
            timeline: Vec::new(),
            phases: Vec::new(),
            ancestry: Vec::new(),
            forker: None,
            responsible: None,
            habits: None,
            pidfds: None,
            death: None,
            container: None,
            ignored: None,
            stuck: None,
            verdict: None,
            earlier: Vec::new(),
            advice: Vec::new(),
        },
    }
}

fn top() -> Top {
    Top {
        parents_total: 0,
        summary: Summary {
            culprits: None,
            workloads: None,
            zombies: 4,
            exits_total: 5,
            reaped_total: 6,
            stuck: 0,
            unheard: 0,
            uptime_seconds: Seconds(7.5),
            agent_version: "0".to_owned(),
        },
        parents: Vec::new(),
        zombies: Vec::new(),
        zombies_total: 0,
        workloads: Vec::new(),
        workloads_total: 0,
        pids: Vec::new(),
    }
}

/// A page that contains [`SERIES`].
fn page() -> Page {
    let sample = Sample {
        probes: vec![("reap".to_owned(), "kprobe:release_task".to_owned())],
        ..Sample::default()
    };
    Metrics::new(Duration::from_secs(1), 1).scrape(sample)
}

fn doctor() -> Doctor {
    Doctor {
        version: VERSION,
        host: "<test&host>".to_owned(),
        kernel: "6.1.0".to_owned(),
        source: Some(HookKind::Fentry.into()),
        runs: true,
        facts: Vec::new(),
        probes: Vec::new(),
        agent: None,
    }
}

pub(crate) fn exit(pid: u32) -> FinishedExit {
    let exit = json!({
        "pid": pid, "start_time": null, "comm": "true", "how": "wait", "uid": 0,
        "exit": { "kind": "exited", "code": 0, "signal": null },
        "zombie_seconds": 0.5, "zombie_seconds_is_upper_bound": false,
    });
    serde_json::from_value(exit).expect("it is complete")
}

/// A response.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn to(mut stream: impl Read + Write, method: &str, path: &str) -> Self {
        send(&mut stream, method, path);
        Self::read(stream)
    }

    fn read(mut stream: impl Read) -> Self {
        let mut all = String::new();
        stream
            .read_to_string(&mut all)
            .expect("the answer can be read");
        let (head, body) = all.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head[9..12].parse().expect("a status is a number");
        let head = head.to_ascii_lowercase();
        let body = if head.contains("transfer-encoding: chunked") {
            joined(body)
        } else {
            body.to_owned()
        };
        Self { status, head, body }
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert!(
            self.head.contains("content-type: application/json"),
            "head: {}",
            self.head
        );
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Asserts that the body is `{"error":"…"}` and that the sentence contains all of these.
    #[track_caller]
    fn assert_error(&self, parts: &[&str]) {
        let json = self.json();
        assert_eq!(
            json.as_object().map(serde_json::Map::len),
            Some(1),
            "{json}"
        );
        let error = json["error"].as_str().expect("an error is a sentence");
        assert_names(error, parts);
    }
}

/// Asserts that an error is one line and contains all of these.
#[track_caller]
fn assert_names(error: &str, parts: &[&str]) {
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
}

fn send(stream: &mut impl Write, method: &str, path: &str) {
    send_with(stream, method, path, "");
}

/// With additional header lines.
fn send_with(stream: &mut impl Write, method: &str, path: &str, lines: &str) {
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n"
    )
    .expect("the request can be sent");
}

/// Follows exits and returns this many lines of JSON; skips the header and chunk sizes.
fn follow<S: Read + Write>(mut stream: S, lines: usize) -> (Vec<Value>, BufReader<S>) {
    send(&mut stream, "GET", "/api/v1/exits");
    let mut reader = BufReader::new(stream);
    let mut found = Vec::new();
    while found.len() < lines {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("the stream can be read");
        assert!(read > 0, "the stream ended after {found:?}");
        if line.starts_with('{') {
            found.push(serde_json::from_str(&line).expect("each line is JSON"));
        }
    }
    (found, reader)
}

fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the server listens on its socket");
    stream.set_read_timeout(Some(LONG)).expect("it is not zero");
    stream
}
