//! Which agent a view asks, and its errors if that fails.

use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{agent, answer, run, sentence};

#[test]
fn a_named_agent_that_is_absent_is_one_sentence() {
    let (code, stdout, stderr) = run(&["zombies", "--url", "http://127.0.0.1:1"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(
        sentence(&stderr).contains("no agent answers at http://127.0.0.1:1: Connection refused")
    );
    let (code, _, stderr) = run(&["top", "--socket", "/nonexistent/socket"]);
    assert_eq!(code, 1);
    assert!(sentence(&stderr).contains("no agent answers at /nonexistent/socket"));
}

#[test]
fn probe_options_that_an_agent_ignores_are_reported() {
    let url = agent();
    let (code, _, stderr) = run(&["zombies", "--url", &url, "--steps", "--hook", "kprobe"]);
    assert_eq!(code, 0);
    assert!(stderr.contains("--hook, --steps"), "{stderr}");
}

#[test]
fn a_view_can_use_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("reapwatch.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    let path = path.to_str().expect("a path in UTF-8");
    let (code, stdout, stderr) = run(&["zombies", "--socket", path]);
    assert!(code == 0 && stdout.contains("10 java"), "{stdout}{stderr}");
    assert!(stderr.contains(path));
}

#[test]
fn wrong_answers_are_one_sentence_each() {
    let url = agent();
    for (prefix, part) in [
        ("/nowhere", "/nowhere/api/v1/zombies"),
        ("/odd", "did not answer as an agent"),
        ("/v2", "version 2 and this command 1"),
        ("/v3", "version 3"),
        ("/broken", "500 Internal Server Error"),
    ] {
        let (code, stdout, stderr) = run(&["zombies", "--url", &format!("{url}{prefix}")]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{prefix}");
        assert!(
            sentence(&stderr).contains(part),
            "{part:?} is not in {stderr}"
        );
    }
}

#[test]
fn a_slow_agent_times_out() {
    let begun = Instant::now();
    let (code, _, stderr) = run(&["zombies", "--url", &format!("{}/slow", agent())]);
    assert_eq!(code, 1);
    assert!(sentence(&stderr).contains("within 10s"), "{stderr}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}
