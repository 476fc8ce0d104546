//! What clients may do to a server without hurting others.

use super::*;

/// More than there are seats, and few enough for the usual limit of descriptors.
const CROWD: usize = 320;

#[test]
fn idle_connections_do_not_keep_others_out() {
    let server = Server::on_tcp(Loop::Ready);
    let idle: Vec<_> = (0..CROWD).map(|_| server.connect()).collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    drop(idle);
}

#[test]
fn half_sent_requests_do_not_keep_others_out() {
    let server = Server::on_tcp(Loop::Ready);
    let half: Vec<_> = (0..CROWD)
        .map(|_| {
            let mut stream = server.connect();
            // It may have lost its seat already.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: loc");
            stream
        })
        .collect();
    assert_eq!(server.get("/healthz").status, 200);
    drop(half);
}

#[test]
fn a_page_of_another_name_gets_nothing() {
    let server = Server::on_tcp(Loop::Ready);
    for host in ["evil.example:9991", "localhost.evil.example"] {
        for path in ["/metrics", "/api/v1/zombies", "/nothing"] {
            let mut stream = server.connect();
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
            )
            .expect("the request can be sent");
            let answer = Answer::read(stream);
            assert_eq!(answer.status, 421, "{host} {path}");
            answer.assert_error(&["localhost"]);
        }
    }
}

#[test]
fn answers_are_not_kept_or_taken_for_something_else() {
    let server = Server::on_tcp(Loop::Ready);
    for path in ["/", "/metrics", "/api/v1/zombies", "/nothing"] {
        let head = server.get(path).head;
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
    }
}

#[test]
fn rows_that_nobody_reads_are_not_made() {
    let server = Server::on_tcp(Loop::Ready);
    let mut stream = server.connect();
    send(&mut stream, "GET", "/api/v1/zombies");
    // So that the answer has begun.
    assert!(stream.read(&mut [0; 64]).expect("it begins") > 0);
    assert_eq!(server.get("/healthz").status, 200);
    let rows = server.rows.load(Ordering::Relaxed);
    assert!(rows < ZOMBIES as usize, "{rows} rows were made");
}

#[test]
fn clients_that_read_nothing_do_not_keep_others_out() {
    let server = Server::on_tcp(Loop::Ready);
    let paths = [
        "/api/v1/zombies",
        "/api/v1/top",
        "/metrics",
        "/api/v1/exits",
    ];
    let silent: Vec<_> = (0..CROWD)
        .map(|n| {
            let mut stream = server.connect();
            send(&mut stream, "GET", paths[n % paths.len()]);
            stream
        })
        .collect();
    for path in ["/healthz", "/metrics", "/api/v1/top"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let rows = server.rows.load(Ordering::Relaxed);
    assert!(rows < ZOMBIES as usize, "{rows} rows were made");
    drop(silent);
}
