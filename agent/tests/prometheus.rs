//! A real Prometheus scrapes a real agent, and promtool accepts its page.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "prometheus/fleet.rs"]
mod fleet;
#[path = "prometheus/web.rs"]
mod web;

/// Processes that die while Prometheus scrapes.
const DEATHS: u32 = 40;

/// The test fails after this time.
const LONG: Duration = Duration::from_secs(180);

/// A program that is killed at the end in any case.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .spawn()
                .expect("the program starts"),
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already; then both calls fail, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root, a kernel with BTF, and Debian's prometheus"]
fn prometheus_sees_every_death() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let agent_address = free_address();
    let _agent = Program::start(
        Command::new(env!("CARGO_BIN_EXE_reapwatch"))
            .args(["agent", "--listen", &agent_address.to_string(), "--socket"])
            .arg(temp.path().join("reapwatch.sock")),
    );
    wait_for("the agent to be ready", || {
        get(agent_address, "/readyz").is_some()
    });

    let prometheus_address = free_address();
    let job = format!(
        "- job_name: reapwatch\n  static_configs: [ {{ targets: ['{agent_address}'] }} ]\n"
    );
    let _prometheus = start_prometheus(temp.path(), &job, "", prometheus_address);
    let query = |text: &str| {
        first_value(&get(
            prometheus_address,
            &format!("/api/v1/query?query={text}"),
        )?)
    };
    wait_for("Prometheus to scrape the agent", || {
        query("up").is_some_and(|up| up >= 1.0)
    });
    let exits = || query("sum(reapwatch_exits_total)");
    let reaps = || query("sum(reapwatch_reaped_total)");
    let (exits_before, reaps_before) = (
        exits().expect("exits are scraped"),
        reaps().expect("reaps are scraped"),
    );

    for _ in 0..DEATHS {
        assert!(
            Command::new("true")
                .status()
                .expect("true starts")
                .success()
        );
    }
    let deaths = f64::from(DEATHS);
    wait_for("the exits to be counted", || {
        exits().is_some_and(|exits| exits >= exits_before + deaths)
    });
    wait_for("the reaps to be counted", || {
        reaps().is_some_and(|reaps| reaps >= reaps_before + deaths)
    });
    for histogram in ["exit_duration", "zombie_duration"] {
        let count = format!("sum(reapwatch_{histogram}_seconds_count)");
        wait_for(histogram, || {
            query(&count).is_some_and(|count| count >= deaths)
        });
    }
    assert_eq!(query("up"), Some(1.0));

    let page = get(agent_address, "/metrics").expect("the agent still answers");
    assert_eq!(promtool_says(&page), "", "about:\n{page}");
}

/// A Prometheus that scrapes a job each second; `web` is its web config.
fn start_prometheus(folder: &Path, job: &str, web: &str, own: SocketAddr) -> Program {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("the config can be written");
        path
    };
    let global = "global: { scrape_interval: 1s, scrape_timeout: 1s }";
    let config = file(
        "prometheus.yml",
        &format!("{global}\nscrape_configs:\n{job}"),
    );
    let mut config_flag = std::ffi::OsString::from("--config.file=");
    config_flag.push(config);
    let mut web_flag = std::ffi::OsString::from("--web.config.file=");
    web_flag.push(file("web.yml", web));
    let mut storage_flag = std::ffi::OsString::from("--storage.tsdb.path=");
    storage_flag.push(folder.join("data"));
    Program::start(
        Command::new("prometheus")
            .args([config_flag, storage_flag, web_flag])
            .arg(format!("--web.listen-address={own}"))
            .arg("--log.level=warn"),
    )
}

/// A port that was free just now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The body of a 200 response. HTTP/1.0, so that it is not chunked.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LONG)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.0 200").then(|| body.to_owned())
}

/// The value of the first series of an instant query.
fn first_value(answer: &str) -> Option<f64> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer["data"]["result"][0]["value"][1]
        .as_str()?
        .parse()
        .ok()
}

fn promtool_says(page: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = promtool.stdin.take().expect("it was piped");
    stdin
        .write_all(page.as_bytes())
        .expect("promtool reads the page");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
