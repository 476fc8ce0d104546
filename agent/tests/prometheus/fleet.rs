//! A cluster: three real agents, one with a made-up page so that its pods are known, and one that
//! never answers; all scraped by one real Prometheus with a password.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Program, free_address, get, start_prometheus, wait_for};

/// Children that this test does not reap.
const LEFT: u64 = 3;

/// `s3cret`, for the user ann.
const USERS: &str = "basic_auth_users: \
    { ann: '$2b$04$EJ6PLGOxGtC58RMwD.rROOTvVYDfPvj0XyiMMWVKQTyWg6XG0liZu' }\n";

/// The page of a node with a leaking pod, a busy unit and much under `~other`.
fn page() -> String {
    let ten_minutes_ago = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
        - 600;
    let web = r#"namespace="shop",pod="web-0",container="app",unit="""#;
    let other = r#"namespace="~other",pod="~other",container="~other",unit="~other""#;
    format!(
        "reapwatch_build_info{{version=\"9.9.9\",arch=\"x86_64\"}} 1\n\
         reapwatch_zombies{{{web}}} 5\n\
         reapwatch_zombies{{{other}}} 2\n\
         reapwatch_stale_zombies{{{web}}} 4\n\
         reapwatch_stale_zombies{{{other}}} 0\n\
         reapwatch_stuck_exits{{{web}}} 1\n\
         reapwatch_oldest_zombie_timestamp_seconds{{{web}}} {ten_minutes_ago}\n\
         reapwatch_culprits{{verdict=\"never_waits\"}} 2\n\
         reapwatch_culprits{{verdict=\"parent_stopped\"}} 0\n\
         reapwatch_pids_used{{scope=\"node\"}} 900\n\
         reapwatch_pids_limit{{scope=\"node\"}} 1000\n\
         reapwatch_pids_used{{scope=\"/a\"}} 3\n\
         reapwatch_events_lost_total{{reason=\"ring_full\"}} 6\n\
         reapwatch_events_lost_total{{reason=\"malformed\"}} 1\n"
    )
}

/// Serves the page until the test ends.
fn paper_agent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let page = page();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, &page);
        }
    });
    address
}

fn serve(mut stream: TcpStream, page: &str) {
    let mut line = String::new();
    let mut lines = BufReader::new(&mut stream);
    while lines.read_line(&mut line).is_ok_and(|read| read > 2) {}
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
    let _ = write!(stream, "{head}\r\n\r\n{page}");
}

/// Output of the command, which must exit with `code`.
fn reapwatch(args: &[&str], code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_reapwatch"))
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    if code == 1 {
        return stderr.into_owned();
    }
    String::from_utf8(output.stdout).expect("text")
}

/// The first row in which a field has this text.
fn row<'a>(list: &'a Value, field: &str, text: &str) -> &'a Value {
    let rows = list.as_array().expect("a list");
    let found = rows.iter().find(|row| row[field] == text);
    found.unwrap_or_else(|| panic!("no {text} in {list}"))
}

#[test]
#[ignore = "needs root, a kernel with BTF, and Debian's prometheus"]
fn a_cluster_is_shown_from_prometheus() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let mut agents: Vec<(SocketAddr, Program)> = (1..=3)
        .map(|n| {
            let address = free_address();
            let mut command = Command::new(env!("CARGO_BIN_EXE_reapwatch"));
            command
                .args(["agent", "--stale-after", "1s", "--listen"])
                .args([&address.to_string(), "--socket"])
                .arg(temp.path().join(format!("{n}.sock")));
            (address, Program::start(&mut command))
        })
        .collect();
    for (address, _) in &agents {
        wait_for("the agents to be ready", || {
            get(*address, "/readyz").is_some()
        });
    }
    let job = job(&agents);
    let here = free_address();
    let _prometheus = start_prometheus(temp.path(), &job, USERS, here);
    let url = &format!("http://ann:s3cret@{here}");
    wait_for("Prometheus to listen", || TcpStream::connect(here).is_ok());

    let _left: Vec<_> = (0..LEFT)
        .map(|_| Command::new("true").spawn().expect("true starts"))
        .collect();
    let ask = |args: &[&str]| -> Value {
        let text = reapwatch(&[args, &["--json", "--prometheus", url]].concat(), 0);
        serde_json::from_str(&text).expect("one document")
    };
    let top = all_figures(url);
    let nodes = &top["items"][0]["nodes"];
    for name in ["worker-1", "worker-2", "worker-3"] {
        let node = row(nodes, "node", name);
        assert_eq!(node["up"], true);
        assert_eq!(node["agent_version"], env!("CARGO_PKG_VERSION"));
        assert!(node["oldest_seconds"].as_f64() >= Some(1.0), "{node}");
        assert!(node["pids_used"].as_u64() > Some(0), "{node}");
        assert!(node["data_age_seconds"].is_number(), "{node}");
    }
    of_the_paper(&top);
    let dead = row(nodes, "node", "worker-5");
    assert_eq!(dead["up"], false);
    assert!(dead["zombies"].is_null() && dead["exits_per_second"].is_null());

    drop(agents.pop());
    is_silent(&ask);
    as_text(url);
    let refusal = reapwatch(&["top", "--prometheus", &format!("http://{here}")], 1);
    assert!(refusal.contains("(401 Unauthorized)"), "{refusal}");
}

/// The agents, a made-up one, and an address without a listener.
fn job(agents: &[(SocketAddr, Program)]) -> String {
    let targets = [
        agents[0].0,
        agents[1].0,
        agents[2].0,
        paper_agent(),
        // This port has no listener.
        SocketAddr::from(([127, 0, 0, 1], 1)),
    ];
    let targets = (1..).zip(targets).map(|(n, address)| {
        format!("  - {{ targets: ['{address}'], labels: {{ node: worker-{n} }} }}\n")
    });
    format!(
        "- job_name: reapwatch\n  honor_labels: true\n  static_configs:\n{}",
        targets.collect::<String>()
    )
}

/// The frame of the cluster, once it has all figures of the agents.
fn all_figures(url: &str) -> Value {
    // Each query starts a process that dies: the agents see it, and this test reaps it.
    let mut top = Value::Null;
    wait_for("all figures of the agents", || {
        let asked = Command::new(env!("CARGO_BIN_EXE_reapwatch"))
            .args(["top", "--json", "--prometheus", url])
            .output()
            .expect("the command starts");
        // There are no reapwatch series before the first scrape.
        top = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        let nodes = top["items"][0]["nodes"].as_array();
        nodes.is_some_and(|nodes| {
            let known = nodes.iter().filter(|node| {
                node["stale_zombies"].as_u64() >= Some(LEFT)
                    && node["exits_per_second"].as_f64() > Some(0.0)
                    && node["p99_zombie_seconds"].as_f64() > Some(0.0)
                    && node["verdicts"]
                        .as_array()
                        .is_some_and(|all| !all.is_empty())
            });
            known.count() == 3 && nodes.iter().any(|node| node["zombies"] == 7)
        })
    });
    top
}

/// The agent of a node has ended: its old values must not be shown.
fn is_silent(ask: &dyn Fn(&[&str]) -> Value) {
    wait_for("the silence of an agent to be seen", || {
        row(&ask(&["top"])["items"][0]["nodes"], "node", "worker-3")["up"] == false
    });
    let silent = ask(&["top", "--filter", "node=worker-3"]);
    let silent = &silent["items"][0];
    assert_eq!(silent["workloads"], serde_json::json!([]));
    assert!(silent["nodes"][0]["exits_per_second"].is_null(), "{silent}");
    assert!(silent["nodes"][0]["zombies"].is_null(), "{silent}");
}

/// All values of the made-up page.
fn of_the_paper(top: &Value) {
    let node = row(&top["items"][0]["nodes"], "node", "worker-4");
    for (field, value) in [
        ("zombies", 7),
        ("stale_zombies", 4),
        ("stuck_exits", 1),
        ("pids_used", 900),
        ("pids_limit", 1000),
        ("lost_events", 7),
    ] {
        assert_eq!(node[field], value, "{field}");
    }
    assert!(node["oldest_seconds"].as_f64() >= Some(600.0), "{node}");
    assert_eq!(
        node["verdicts"],
        serde_json::json!([{"verdict": "never_waits", "culprits": 2}])
    );
    let pod = row(&top["items"][0]["workloads"], "pod", "web-0");
    assert_eq!(pod["node"], "worker-4");
    assert_eq!(
        (&pod["namespace"], &pod["container"]),
        (&"shop".into(), &"app".into())
    );
    assert!(pod["unit"].is_null());
    assert_eq!(
        (&pod["zombies"], &pod["stale_zombies"]),
        (&5.into(), &4.into())
    );
    assert_eq!(pod["stuck_exits"], 1);
    // Two workloads on that node hold zombies, and its verdicts have no workload.
    assert!(pod["verdicts"].is_null(), "{pod}");
}

/// The same as text.
fn as_text(url: &str) {
    let text = reapwatch(&["top", "-b", "-n", "1", "--prometheus", url], 0);
    assert!(text.contains("5 nodes, 2 SILENT"), "{text}");
    assert!(text.contains("PIDs of worker-4: 90% in use"), "{text}");
    let line = text.lines().find(|line| line.starts_with("worker-4"));
    let words: Vec<_> = line.expect("its row").split_whitespace().collect();
    assert_eq!(words[1..4], ["up", "7", "4"], "{text}");
    let workloads = [
        "top",
        "--view",
        "workloads",
        "--filter",
        "pod=web-0",
        "--prometheus",
        url,
    ];
    let text = reapwatch(&workloads, 0);
    let line = text.lines().find(|line| line.starts_with("shop/web-0/app"));
    let words: Vec<_> = line.expect("its row").split_whitespace().collect();
    assert_eq!(words[1..4], ["worker-4", "5", "4"], "{text}");
    let text = reapwatch(&["culprits", "--fail", "--prometheus", url], 3);
    assert!(
        text.contains("shop/web-0/app") && text.contains("never_waits 2"),
        "{text}"
    );
    assert!(text.contains("no data from worker-3"), "{text}");
    let text = reapwatch(&["zombies", "--fail", "--prometheus", url], 3);
    assert!(text.contains("shop/web-0/app"), "{text}");
}
