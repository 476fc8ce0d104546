//! The command to run, and an agent for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::documents::{CULPRITS, DOCTOR, EXITS, EXPLAIN, NEWER_ZOMBIES, NO_ZOMBIES, TOP, ZOMBIES};

pub(crate) fn reapwatch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reapwatch"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env("LC_ALL", "C.UTF-8")
        .env_remove("RUST_LOG");
    command
}

pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    read(&reapwatch(args).output().expect("the command starts"))
}

pub(crate) fn read(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().expect("an exit code"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// The one line on stderr that is not about the source.
pub(crate) fn sentence(stderr: &str) -> &str {
    let lines: Vec<_> = stderr
        .lines()
        .filter(|line| !line.contains("reading from"))
        .collect();
    assert_eq!(lines.len(), 1, "not one sentence: {stderr}");
    lines[0]
}

/// Answers like an agent until the test ends.
pub(crate) fn answer(mut stream: impl Read + Write) {
    let mut request = String::new();
    let mut lines = BufReader::new(&mut stream);
    while lines.read_line(&mut request).is_ok_and(|read| read > 2) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/api/v1/zombies" => ("200 OK", ZOMBIES),
        "/empty/api/v1/zombies" | "/empty/api/v1/culprits" => ("200 OK", NO_ZOMBIES),
        "/newer/api/v1/zombies" => ("200 OK", NEWER_ZOMBIES),
        "/v2/api/v1/zombies" => (
            "200 OK",
            r#"{"version":2,"host":"h","kernel":"k","source":"s",
            "at":"t","lost_events":0,"items":[]}"#,
        ),
        "/v3/api/v1/zombies" => ("200 OK", r#"{"version":3,"nodes":[]}"#),
        "/odd/api/v1/zombies" => ("200 OK", "<html>"),
        "/broken/api/v1/zombies" => ("500 Internal Server Error", "{}"),
        "/api/v1/culprits" => ("200 OK", CULPRITS),
        "/api/v1/explain/42" => ("200 OK", EXPLAIN),
        // With a filter, top asks for more rows.
        "/api/v1/top" | "/api/v1/top?limit=10000" => ("200 OK", TOP),
        "/api/v1/doctor" => ("200 OK", DOCTOR),
        "/api/v1/exits" => ("200 OK", EXITS),
        _ if path.starts_with("/slow") => {
            thread::sleep(Duration::from_secs(30));
            return;
        }
        _ => ("404 Not Found", "{}"),
    };
    // Without a length, the body ends with the connection, like a stream.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}"
    );
}

pub(crate) fn agent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });
    url
}
