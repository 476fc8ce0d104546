//! An agent that runs as long as the test, and its answers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use api::{Culprit, Culprits, Doctor, Document, Explained, HookKind, Stuck, Zombie};

/// The program under test.
pub(crate) const REAPWATCH: &str = env!("CARGO_BIN_EXE_reapwatch");
/// The start of a successful response.
const WELL: &str = "HTTP/1.0 200";
/// The start of a response in the place of one that takes too long.
const LATE: &str = "HTTP/1.0 503";
/// How often anything is asked.
const TRIES: usize = 3;
/// How long anything may take before the test fails: generous, for emulated machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running agent with a socket of its own.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    socket: PathBuf,
    /// The folder of the socket, unless that is another agent's.
    _folder: Option<TempDir>,
}

impl Agent {
    /// Starts one and waits until it answers.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("s.sock");
        Self::spawn(Command::new(REAPWATCH), options, socket, Some(folder))
    }

    /// Starts one at a socket whose folder another agent of the test keeps.
    pub(crate) fn start_at(socket: &Path) -> Self {
        Self::spawn(Command::new(REAPWATCH), &[], socket.to_owned(), None)
    }

    /// Starts a prepared command.
    pub(crate) fn start_as(program: Command, options: &[&str], socket: &Path) -> Self {
        Self::spawn(program, options, socket.to_owned(), None)
    }

    /// `REAPWATCH_TEST_HOOK` forces a kind of hook, such as `tracepoint` on a kernel that offers
    /// more.
    fn spawn(
        mut program: Command,
        options: &[&str],
        socket: PathBuf,
        folder: Option<TempDir>,
    ) -> Self {
        let forced = std::env::var("REAPWATCH_TEST_HOOK").ok();
        let forced = forced
            .filter(|_| !options.contains(&"--hook"))
            .map(|hook| format!("--hook={hook}"));
        let log = File::create(log_of(&socket)).expect("a file can be made");
        let child = program
            .args(["agent", "--socket"])
            .arg(&socket)
            .args(if options.contains(&"--listen") {
                &[][..]
            } else {
                &["--listen", "none"]
            })
            .args(options)
            .args(forced)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        let mut agent = Self {
            child,
            socket,
            _folder: folder,
        };
        let ready = eventually(|| {
            let ended = agent.child.try_wait().expect("the agent is a child");
            assert!(ended.is_none(), "the agent ended at once: {ended:?}");
            agent
                .ask("/api/v1/zombies")
                .is_ok_and(|it| it.starts_with(WELL))
        });
        assert!(ready, "the agent did not answer");
        agent
    }

    /// Its PID.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Path of its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its HTTP address from its log, such as `https://127.0.0.1:9991`.
    pub(crate) fn url(&self) -> String {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("serving http"));
        let line = line.unwrap_or_else(|| panic!("it serves no HTTP: {log}"));
        let (_, url) = line.split_once("serving ").expect("it was found");
        url.trim_end_matches('/').to_owned()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_of(&self.socket)).expect("its log is there")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the call touches no memory, and the PID is that of an unreaped child.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Its exit status; it must end soon.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().expect("the agent is a child");
            status.is_some()
        });
        status.expect("the agent ends")
    }

    /// The zombies. Like all that follows, the agent itself is asked: where machines
    /// are emulated, one request by a view costs half a second.
    pub(crate) fn zombies(&self) -> Document<Zombie> {
        self.document("zombies")
    }

    /// The processes that do not reap.
    pub(crate) fn culprits(&self) -> Document<Culprit> {
        self.culprits_and_pids().document
    }

    /// This process, if it does not reap.
    pub(crate) fn culprit(&self, pid: u32) -> Option<Culprit> {
        let mut culprits = self.culprits().items.into_iter();
        culprits.find(|culprit| culprit.process.pid == pid)
    }

    /// All, with how full the PID tables are.
    pub(crate) fn culprits_and_pids(&self) -> Culprits {
        self.document("culprits")
    }

    /// The explanation of a PID.
    pub(crate) fn explain(&self, pid: u32) -> Explained {
        self.document(&format!("explain/{pid}"))
    }

    /// Exits that take longer than `threshold`.
    pub(crate) fn stuck(&self, threshold: &str) -> Document<Stuck> {
        self.document(&format!("stuck?threshold={threshold}"))
    }

    /// The page that `reapwatch explain` prints.
    pub(crate) fn explained(&self, pid: u32) -> String {
        let output = view(&["explain", &pid.to_string()], self.socket());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("the page is UTF-8")
    }

    /// Whether deaths are seen by tracepoints only, which cannot know everything.
    pub(crate) fn by_tracepoints(&self) -> bool {
        self.zombies().head.source == HookKind::Tracepoint
    }

    /// Its hooks.
    pub(crate) fn doctor(&self) -> Doctor {
        self.document("doctor")
    }

    /// One of its documents.
    pub(crate) fn document<T: DeserializeOwned>(&self, name: &str) -> T {
        let text = self.get(&format!("/api/v1/{name}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in: {text}"))
    }

    /// Sum of all series of a metric whose labels contain `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let page = self.get("/metrics");
        let samples = page.lines().filter(|line| {
            let (series, _) = line.split_once(' ').unwrap_or((line, ""));
            series.split('{').next() == Some(name) && series.contains(labels)
        });
        let values: Vec<f64> = samples
            .map(|line| {
                line.rsplit(' ')
                    .next()
                    .unwrap_or("")
                    .parse()
                    .expect("a number")
            })
            .collect();
        assert!(!values.is_empty(), "no {name}{{{labels}}} in:\n{page}");
        values.iter().sum()
    }

    /// The values that a label has in all series of a metric.
    pub(crate) fn labels(&self, name: &str, label: &str) -> Vec<String> {
        let page = self.get("/metrics");
        let of = |line: &str| {
            let series = line.strip_prefix(name)?.strip_prefix('{')?;
            let (_, value) = series.split_once(&format!("{label}=\""))?;
            Some(value.split_once('"')?.0.to_owned())
        };
        page.lines().filter_map(of).collect()
    }

    /// All series of a metric, as the page has them.
    pub(crate) fn series(&self, name: &str) -> Vec<String> {
        let page = self.get("/metrics");
        let own = page
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")));
        own.map(str::to_owned).collect()
    }

    /// Its response to a request that it must answer. What a starved machine did not answer in time
    /// is asked again.
    fn get(&self, path: &str) -> String {
        let ask = || self.ask(path).expect("the socket answers");
        let mut answer = ask();
        for _ in 1..TRIES {
            if answer.starts_with(LATE) {
                answer = ask();
            }
        }
        assert!(answer.starts_with(WELL), "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("the head ends");
        body.to_owned()
    }

    /// The whole answer, with its head.
    fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            // Of version 1.0, so that the answer does not come in chunks.
            "GET {path} HTTP/1.0\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // An agent that has ended is neither killed nor waited for again.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = std::fs::read_to_string(log_of(&self.socket));
            eprintln!("the agent logged: {}", log.unwrap_or_default());
        }
    }
}

/// The log of the agent with this socket.
fn log_of(socket: &Path) -> PathBuf {
    socket.with_extension("log")
}

/// Runs a viewing command against a socket.
pub(crate) fn view(args: &[&str], socket: &Path) -> Output {
    Command::new(REAPWATCH)
        .args(args)
        .arg("--socket")
        .arg(socket)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Whether `done` becomes true within [`PATIENCE`].
pub(crate) fn eventually(done: impl FnMut() -> bool) -> bool {
    within(PATIENCE, done)
}

/// Whether `done` becomes true in this time.
pub(crate) fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
