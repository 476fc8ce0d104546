//! Views of a whole cluster: the queries to Prometheus, and its errors.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::schema::problems;
use crate::support::{run, sentence};

/// Data of a node with a leaking pod.
const NODES: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"part":"now"},"value":[1795317082.5,"1795317082.5"]},
{"metric":{"part":"up","job":"agents","instance":"10.0.0.1:9991","node":"worker-1"},"value":[1795317082.5,"1"]},
{"metric":{"part":"scraped","job":"agents","instance":"10.0.0.1:9991","node":"worker-1","version":"0.1.0"},"value":[1795317082.5,"1795317072.5"]},
{"metric":{"part":"zombies","job":"agents","instance":"10.0.0.1:9991","node":"worker-1"},"value":[1795317082.5,"3"]},
{"metric":{"part":"stale","job":"agents","instance":"10.0.0.1:9991","node":"worker-1"},"value":[1795317082.5,"2"]},
{"metric":{"part":"p99","job":"agents","instance":"10.0.0.1:9991","node":"worker-1"},"value":[1795317082.5,"NaN"]}
]}}"#;

const WORKLOADS: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"part":"zombies","job":"agents","instance":"10.0.0.1:9991","node":"worker-1","namespace":"shop","pod":"web-0","container":"app"},"value":[1795317082.5,"3"]},
{"metric":{"part":"stale","job":"agents","instance":"10.0.0.1:9991","node":"worker-1","namespace":"shop","pod":"web-0","container":"app"},"value":[1795317082.5,"2"]}
]}}"#;

const NOTHING: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

const CALM: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"part":"now"},"value":[1795317082.5,"1795317082.5"]},
{"metric":{"part":"up","job":"agents","instance":"10.0.0.1:9991"},"value":[1795317082.5,"0"]}]}}"#;

const NO_AGENTS: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"part":"now"},"value":[1795317082.5,"1795317082.5"]}]}}"#;

/// Answers like Prometheus, depending on the path prefix.
fn answer(mut stream: impl Read + Write) {
    let mut request = String::new();
    let mut lines = BufReader::new(&mut stream);
    while lines.read_line(&mut request).is_ok_and(|read| read > 2) {}
    let request = request.to_lowercase();
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    let of_nodes = request.contains("vector%28time");
    let (status, body) = match path {
        // Two credentials are valid.
        "/locked/api/v1/query"
            if !request.contains("authorization: basic yw5uonmzy3jlda==\r")
                && !request.contains("authorization: bearer t0ken\r") =>
        {
            ("401 Unauthorized", "who are you?")
        }
        "/api/v1/query" | "/locked/api/v1/query" if of_nodes => ("200 OK", NODES),
        "/calm/api/v1/query" if of_nodes => ("200 OK", CALM),
        "/calm/api/v1/query" => ("200 OK", NOTHING),
        // The second query is for the time of the first answer.
        "/api/v1/query" | "/locked/api/v1/query" if request.contains("&time=1795317082.500 ") => {
            ("200 OK", WORKLOADS)
        }
        "/empty/api/v1/query" => ("200 OK", NO_AGENTS),
        "/page/api/v1/query" => ("200 OK", "<html>"),
        "/login/api/v1/query" => ("302 Found", ""),
        "/picky/api/v1/query" => (
            "422 Unprocessable Entity",
            r#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
        ),
        _ => ("404 Not Found", r#"{"error":"not found"}"#),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}"
    );
}

fn prometheus() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });
    address.to_string()
}

#[test]
fn each_table_of_a_cluster_is_printed() {
    let url = format!("http://{}", prometheus());
    let (code, stdout, stderr) = run(&["top", "--prometheus", &url]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        stdout,
        format!(
            "2026-11-22T03:11:22.500Z  Prometheus at {url}  1 node, scraped 10s ago\n\
             3 zombies, 2 stale  0 exits/s  0 stuck\n\
             \n\
             NODE      AGENT  ZOMBIES  STALE  OLDEST  EXITS/s  STUCK  PIDS  P99  DATA  LOST  WHY\n\
             worker-1  up           3      2       –        –      –     –    –   10s     –  –\n"
        )
    );
    assert!(stderr.contains(&format!("reading from the Prometheus at {url}")));
    let (_, stdout, _) = run(&["top", "--prometheus", &url, "--view", "workloads"]);
    assert!(
        stdout.contains("shop/web-0/app  worker-1        3      2"),
        "{stdout}"
    );
    let (code, stdout, _) = run(&["zombies", "--fail", "--prometheus", &url]);
    assert_eq!(code, 3);
    assert!(
        stdout.contains("shop/web-0/app  worker-1        3      2"),
        "{stdout}"
    );
    let (code, stdout, _) = run(&["culprits", "--fail", "--prometheus", &url]);
    assert_eq!(code, 3);
    assert!(stdout.contains("kubectl reapwatch --node NODE culprits"));
}

#[test]
fn unknown_values_in_documents_of_a_cluster_are_null() {
    let url = format!("http://{}", prometheus());
    let document = |args: &[&str]| -> serde_json::Value {
        let (code, stdout, stderr) =
            run(&[args, &["--json", "--prometheus", &format!("{url}/graph")]].concat());
        assert_eq!((code, stdout.lines().count()), (0, 1), "{stderr}");
        let document = serde_json::from_str(&stdout).expect("a document");
        assert_eq!(problems(&format!("fleet-{}", args[0]), &document), []);
        document
    };
    let top = document(&["top", "--filter", "node=worker-1"]);
    assert_eq!(top["version"], 1);
    assert_eq!(top["prometheus"], url);
    assert_eq!(top["at"], "2026-11-22T03:11:22.500Z");
    let node = &top["items"][0]["nodes"][0];
    assert_eq!(
        (&node["node"], &node["zombies"]),
        (&"worker-1".into(), &3.into())
    );
    assert!(node["p99_zombie_seconds"].is_null() && node["lost_events"].is_null());
    let hidden = document(&["top", "--filter", "zombies>3"]);
    assert_eq!(hidden["items"][0]["nodes"], serde_json::json!([]));
    let culprits = document(&["culprits"]);
    assert_eq!(culprits["items"][0]["pod"], "web-0");
    assert_eq!(culprits["nodes"][0]["node"], "worker-1");
    assert_eq!(document(&["zombies"])["items"][0]["zombies"], 3);
}

#[test]
fn missing_data_is_not_reported_as_no_zombies() {
    let url = format!("http://{}/calm", prometheus());
    let (code, stdout, _) = run(&["culprits", "--fail", "--prometheus", &url]);
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("no stale zombies on 0 nodes\n"),
        "{stdout}"
    );
    assert!(stdout.contains("10.0.0.1:9991"), "{stdout}");
}

#[test]
fn a_prometheus_that_cannot_serve_is_one_sentence() {
    let address = prometheus();
    for (place, part) in [
        ("127.0.0.1:1", "Connection refused"),
        (&format!("{address}/empty"), "has no reapwatch metrics"),
        (&format!("{address}/nowhere"), "404 Not Found"),
        (&format!("{address}/page"), "is not a Prometheus"),
        (&format!("{address}/login"), "(302 Found)"),
        (
            &format!("{address}/picky"),
            "(422 Unprocessable Entity): too many",
        ),
        (
            &format!("{address}/locked"),
            "(401 Unauthorized): put USER:PASSWORD@",
        ),
        (&format!("ann:wrong@{address}/locked"), "(401"),
    ] {
        for command in ["top", "culprits", "zombies"] {
            let (code, stdout, stderr) =
                run(&[command, "--prometheus", &format!("http://{place}")]);
            assert_eq!((code, stdout.as_str()), (1, ""), "{place}: {stderr}");
            assert!(
                sentence(&stderr).contains(part),
                "{part:?} is not in {stderr}"
            );
            assert!(!stderr.contains("wrong"), "the password is shown: {stderr}");
        }
    }
}

#[test]
fn a_password_or_a_token_authenticates() {
    let address = prometheus();
    let url = format!("http://{address}/locked");
    let (code, _, stderr) = run(&[
        "zombies",
        "--prometheus",
        &format!("http://ann:s3cret@{address}/locked"),
    ]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let path = path.to_str().expect("a path in UTF-8");
    let with_token = [
        "zombies",
        "--prometheus",
        &url,
        "--prometheus-token-file",
        path,
    ];
    let (code, _, stderr) = run(&with_token);
    assert_eq!(code, 1);
    assert!(
        sentence(&stderr).contains("cannot read the token in"),
        "{stderr}"
    );
    fs::write(path, "T0ken\n").expect("written");
    assert_eq!(run(&with_token).0, 0);
    for (token, part) in [
        ("T0\u{7f}ken\n", "characters that HTTP cannot send"),
        ("\n", "is empty"),
        ("user: T0ken\n", "only the token"),
    ] {
        fs::write(path, token).expect("written");
        let (code, _, stderr) = run(&with_token);
        assert_eq!(code, 1);
        assert!(sentence(&stderr).contains(part), "{stderr}");
    }
}

#[test]
fn options_for_one_host_are_usage_errors_with_a_cluster() {
    for (args, part) in [
        (
            &["top", "--view", "culprits", "--prometheus", "http://a"][..],
            "is not a view here",
        ),
        (
            &["top", "--view", "nodes", "--url", "http://127.0.0.1:1"],
            "is not a view here",
        ),
        (
            &["top", "--filter", "pid=1", "--prometheus", "http://a"],
            "`pid`",
        ),
        (&["top", "--filter", "node=a"], "`node`"),
        (
            &["top", "--prometheus", "http://a", "--url", "http://b"],
            "cannot be used with",
        ),
        (
            &["zombies", "--prometheus-token-file", "/x"],
            "--prometheus",
        ),
        (
            &["culprits", "--prometheus", "prom:9090"],
            "such as http://prometheus:9090",
        ),
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(
            stderr.contains(part),
            "{args:?}: {part:?} is not in {stderr}"
        );
    }
}
