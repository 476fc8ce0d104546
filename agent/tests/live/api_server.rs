//! As much of an API server as an agent sees: lists and watches of pods, answered as the test sets,
//! and Events.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use serde_json::Value;

/// An answer that replaces the usual one.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With a status and a body.
    Status(u16, &'static str),
    /// The watch ends before it sends anything.
    End,
    /// Never.
    Never,
}

/// What a watch does next.
#[derive(Clone, Debug)]
enum Step {
    Line(String),
    /// It ends normally.
    End,
    /// Its connection breaks in the middle of this line.
    Break(String),
}

#[derive(Debug, Default)]
struct State {
    pods: Vec<String>,
    /// The version of the list.
    version: u64,
    lists: VecDeque<Answer>,
    watches: VecDeque<Answer>,
    steps: VecDeque<Step>,
    writes: VecDeque<Answer>,
    /// Method, path and object of each write.
    written: Vec<[String; 3]>,
    /// The stored Events by their path.
    events: BTreeMap<String, Value>,
    /// The query of each request.
    asked: Vec<String>,
    over: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A server for as long as the test.
#[derive(Debug)]
pub(crate) struct ApiServer {
    address: SocketAddr,
    shared: Shared,
}

impl ApiServer {
    /// A server whose list holds these pods.
    pub(crate) fn with(pods: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = State {
            pods: pods.to_vec(),
            version: 10,
            ..State::default()
        };
        let shared = Shared::new((Mutex::new(state), Condvar::new()));
        let server = Self {
            address,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                if lock(&shared).over {
                    return;
                }
                // A client may leave at any time.
                thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The list holds these pods from now on.
    pub(crate) fn list(&self, pods: &[String]) {
        let mut state = lock(&self.shared);
        state.pods = pods.to_vec();
        state.version += 10;
    }

    /// The next list that has no answer yet gets this one.
    pub(crate) fn next_list(&self, answer: Answer) {
        lock(&self.shared).lists.push_back(answer);
    }

    /// Likewise of watches.
    pub(crate) fn next_watch(&self, answer: Answer) {
        lock(&self.shared).watches.push_back(answer);
    }

    /// Likewise of Events.
    pub(crate) fn next_write(&self, answer: Answer) {
        lock(&self.shared).writes.push_back(answer);
    }

    /// Method, path and object of each Event until now.
    pub(crate) fn written(&self) -> Vec<[String; 3]> {
        lock(&self.shared).written.clone()
    }

    /// The Events that are stored now.
    pub(crate) fn events(&self) -> Vec<Value> {
        lock(&self.shared).events.values().cloned().collect()
    }

    /// The watch that runs, or else the next one, sends this line.
    pub(crate) fn send(&self, line: &str) {
        self.step(Step::Line(line.to_owned()));
    }

    /// Then it ends as it does every few minutes.
    pub(crate) fn end(&self) {
        self.step(Step::End);
    }

    /// Then its connection breaks in the middle of this line.
    pub(crate) fn break_in(&self, line: &str) {
        self.step(Step::Break(line.to_owned()));
    }

    fn step(&self, step: Step) {
        lock(&self.shared).steps.push_back(step);
        self.shared.1.notify_all();
    }

    /// The queries of all lists until now.
    pub(crate) fn lists(&self) -> Vec<String> {
        let mut asked = lock(&self.shared).asked.clone();
        asked.retain(|query| !is_watch(query));
        asked
    }

    /// The queries of all watches until now.
    pub(crate) fn watches(&self) -> Vec<String> {
        let mut asked = lock(&self.shared).asked.clone();
        asked.retain(|query| is_watch(query));
        asked
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        lock(&self.shared).over = true;
        self.shared.1.notify_all();
        // So that the listener's thread looks again.
        let _last = TcpStream::connect(self.address);
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().expect("no thread panics with it")
}

fn is_watch(query: &str) -> bool {
    query.contains("watch=true")
}

/// One request of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    let mut length = 0;
    loop {
        let header = line(&mut reader)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap_or_default();
        }
    }
    let mut words = first.split(' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let (method, target) = (word(), word());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if path.contains("/events") {
        let mut object = String::new();
        reader.take(length).read_to_string(&mut object)?;
        let mut state = lock(shared);
        let (is_new, path) = (method == "POST", path.to_owned());
        state.written.push([method, path.clone(), object.clone()]);
        let answer = match state.writes.pop_front() {
            Some(Answer::Status(code, reason)) => Err((code, reason)),
            _ => store(&mut state.events, is_new, &path, &object),
        };
        drop(state);
        return match answer {
            Err((code, reason)) => refuse(stream, code, reason),
            Ok(stored) => whole(stream, 200, &stored.to_string()),
        };
    }
    assert_eq!(path, "/api/v1/pods", "{first}");
    let watch = is_watch(query);
    let mut state = lock(shared);
    state.asked.push(query.to_owned());
    let answer = if watch {
        state.watches.pop_front()
    } else {
        state.lists.pop_front()
    };
    let list = format!(
        r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{}"}},"items":[{}]}}"#,
        state.version,
        state.pods.join(",")
    );
    drop(state);
    match answer {
        Some(Answer::Never) => {
            drop(wait(shared, |_| false));
            Ok(())
        }
        Some(Answer::Status(code, reason)) => refuse(stream, code, reason),
        None if !watch => whole(stream, 200, &list),
        ended => follow(stream, shared, ended.is_some()),
    }
}

/// Creates an Event or changes it.
fn store(
    events: &mut BTreeMap<String, Value>,
    is_new: bool,
    path: &str,
    object: &str,
) -> Result<Value, (u16, &'static str)> {
    let object: Value = serde_json::from_str(object).expect("an Event is JSON");
    if is_new {
        let name = object["metadata"]["name"].as_str().expect("it has a name");
        return match events.entry(format!("{path}/{name}")) {
            Entry::Occupied(_) => Err((409, "AlreadyExists")),
            Entry::Vacant(place) => Ok(place.insert(object).clone()),
        };
    }
    let stored = events.get_mut(path).ok_or((404, "NotFound"))?;
    for (name, value) in object.as_object().into_iter().flatten() {
        if name != "metadata" {
            stored[name] = value.clone();
        }
    }
    Ok(stored.clone())
}

/// A line of the head of a request, without its end.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match reader.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

fn refuse(stream: &TcpStream, code: u16, reason: &str) -> io::Result<()> {
    let text = format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"{reason} indeed","reason":"{reason}","code":{code}}}"#
    );
    whole(stream, code, &text)
}

fn whole(mut stream: &TcpStream, code: u16, text: &str) -> io::Result<()> {
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{text}"
    )
}

/// A watch: chunks, until it ends or breaks.
fn follow(mut stream: &TcpStream, shared: &Shared, ends_at_once: bool) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )?;
    let mut on = !ends_at_once;
    while on {
        let mut state = wait(shared, |state| !state.steps.is_empty());
        let step = state.steps.pop_front();
        drop(state);
        match step {
            Some(Step::Line(line)) => chunk(stream, &format!("{line}\n"))?,
            Some(Step::Break(line)) => return chunk(stream, &line[..line.len() / 2]),
            Some(Step::End) => on = false,
            None => return Ok(()),
        }
    }
    stream.write_all(b"0\r\n\r\n")
}

fn chunk(mut stream: &TcpStream, text: &str) -> io::Result<()> {
    write!(stream, "{:x}\r\n{text}\r\n", text.len())
}

/// Waits until a condition holds, or the server stops.
fn wait(shared: &Shared, so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
    let waits = |state: &mut State| !state.over && !so(state);
    let state = shared.1.wait_while(lock(shared), waits);
    state.expect("no thread panics with it")
}
