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
fn a_request_for_another_host_is_refused() {
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

/// A connection from an address that is not that of a client of this host.
fn from_elsewhere(server: &Server) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let to = server.tcp.expect("it serves TCP");
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    // As the proxy of a service mesh does.
    bind(&stream, &SocketAddr::from(([127, 0, 0, 6], 0))).expect("any address of lo");
    connect(&stream, &SocketAddr::from(([127, 0, 0, 1], to.port()))).expect("it listens");
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(LONG)).expect("it is not zero");
    stream
}

/// Listens to other hosts too.
fn open_to_all(config: Option<&str>) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let web = config.map(|text| {
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).expect("ours");
        Web::load(&path).expect("it is valid")
    });
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let listeners = bind(Some(any), None).expect("a port is free");
    (
        folder,
        Server::start(listeners.guarded_by(web), Loop::Ready),
    )
}

#[test]
fn a_client_elsewhere_gets_metrics_but_no_processes() {
    let (_folder, server) = open_to_all(None);
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        let answer = Answer::to(from_elsewhere(&server), "GET", path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("/api/"), "{}", answer.body);
    }
    for path in [
        "/api/v1/zombies",
        "/api/v1/exits",
        "/api/v1/explain/1",
        "/nothing",
    ] {
        let answer = Answer::to(from_elsewhere(&server), "GET", path);
        assert_eq!(answer.status, 403, "{path}");
        answer.assert_error(&["localhost", "web config file"]);
        assert!(answer.head.contains("nosniff"), "{}", answer.head);
    }
    let near = || TcpStream::connect(("127.0.0.1", server.tcp.expect("TCP").port()));
    let near = || near().expect("it listens");
    assert_eq!(Answer::to(near(), "GET", "/api/v1/top").status, 200);
    assert!(Answer::to(near(), "GET", "/").body.contains("/api/v1/top"));
    // A page of another name gets no more than a client elsewhere, and Prometheus may use a name.
    for (path, status) in [("/metrics", 200), ("/api/v1/top", 403)] {
        let mut stream = near();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
        )
        .expect("the request can be sent");
        assert_eq!(Answer::read(stream).status, status, "{path}");
    }
}

#[test]
fn whom_a_web_config_file_authenticates_gets_everything_from_anywhere() {
    let hash = bcrypt::hash("wonderland", 4).expect("a hash");
    let (_folder, server) = open_to_all(Some(&format!("basic_auth_users: {{ alice: {hash} }}")));
    let mut stream = from_elsewhere(&server);
    let user = "authorization: Basic YWxpY2U6d29uZGVybGFuZA==\r\n";
    send_with(&mut stream, "GET", "/api/v1/top", user);
    assert_eq!(Answer::read(stream).status, 200);
    let stranger = Answer::to(from_elsewhere(&server), "GET", "/api/v1/top");
    assert_eq!(stranger.status, 401);
}

#[test]
fn answers_are_not_cached_or_sniffed() {
    let server = Server::on_tcp(Loop::Ready);
    for path in ["/", "/metrics", "/api/v1/zombies", "/nothing"] {
        let head = server.get(path).head;
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
    }
}

#[test]
fn rows_are_built_only_as_they_are_read() {
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
fn damaged_requests_leave_the_server_alone() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("s.sock");
    let _server = Server::on_socket(&path);
    let corpus = [
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "GET /api/v1/explain/7?limit=2 HTTP/1.1\r\nhost: [::1]:9991\r\n\r\n",
        "POST /healthz HTTP/1.0\r\ncontent-length: 5\r\n\r\nabcde",
        "GET /api/v1/culprits HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    ];
    fuzz::feed(&corpus, |bytes| {
        let mut stream = unix(&path);
        // The server may have answered and closed before the end.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(Answer::to(unix(&path), "GET", "/healthz").status, 200);
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
        // On a busy machine the loop may need longer for one answer than a request waits.
        let mut statuses = (0..50).map(|_| server.get(path).status);
        assert!(statuses.any(|status| status == 200), "{path}");
    }
    // What the buffers of their sockets hold was made, and no more.
    let asked = ZOMBIES as usize * CROWD / paths.len();
    let rows = server.rows.load(Ordering::Relaxed);
    assert!(rows < asked / 4, "{rows} of {asked} rows were made");
    drop(silent);
}
