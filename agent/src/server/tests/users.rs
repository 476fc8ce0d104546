use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A directory with a web config file.
fn config(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("web.yml");
    fs::write(&path, text).expect("a file can be written");
    (folder, path)
}

fn users(name: &str, password: &str) -> String {
    let hash = bcrypt::hash(password, 4).expect("a hash");
    format!("basic_auth_users: {{ {name}: {hash} }}\n")
}

fn ask(server: &Server, path: &str, user: &str) -> Answer {
    let mut stream = server.connect();
    let line = format!("authorization: Basic {}\r\n", STANDARD.encode(user));
    send_with(&mut stream, "GET", path, &line);
    Answer::read(stream)
}

#[test]
fn only_users_with_their_password_are_answered() {
    let (_folder, path) = config(&users("alice", "wonderland"));
    let server = Server::guarded(&path);
    for path in ["/metrics", "/api/v1/zombies", "/healthz", "/", "/nothing"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(
            answer.head.contains("www-authenticate: basic realm="),
            "{}",
            answer.head
        );
        answer.assert_error(&["password"]);
    }
    for stranger in ["alice:wonder", "bob:wonderland", ":", "alice"] {
        assert_eq!(ask(&server, "/metrics", stranger).status, 401, "{stranger}");
    }
    // The second time, the password has been remembered.
    for _ in 0..2 {
        let answer = ask(&server, "/metrics", "alice:wonderland");
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(SERIES), "{}", answer.body);
    }
    assert_eq!(ask(&server, "/nothing", "alice:wonderland").status, 404);
}

#[test]
fn a_changed_file_takes_effect_at_once_and_an_invalid_one_changes_nothing() {
    let (_folder, path) = config(&users("alice", "wonderland"));
    let server = Server::guarded(&path);
    assert_eq!(ask(&server, "/metrics", "alice:wonderland").status, 200);
    fs::write(&path, users("alice", "other")).expect("it can be written");
    assert_eq!(ask(&server, "/metrics", "alice:wonderland").status, 401);
    assert_eq!(ask(&server, "/metrics", "alice:other").status, 200);
    for wrong in [
        // What half a file may look like.
        "",
        "basic_auth_users:",
        "basic_auth_users: [",
        "rate_limit: {}",
        // Whether the port uses TLS cannot change while it is served.
        "tls_server_config: { cert_file: a, key_file: b }",
    ] {
        fs::write(&path, wrong).expect("it can be written");
        assert_eq!(server.get("/metrics").status, 401, "{wrong}");
        assert_eq!(
            ask(&server, "/metrics", "alice:other").status,
            200,
            "{wrong}"
        );
    }
    fs::remove_file(&path).expect("it is there");
    assert_eq!(server.get("/metrics").status, 401);
    fs::write(&path, users("alice", "new")).expect("it can be written");
    assert_eq!(ask(&server, "/metrics", "alice:other").status, 401);
    assert_eq!(ask(&server, "/metrics", "alice:new").status, 200);
}

#[test]
fn a_file_that_protects_nothing_or_never_ends_is_refused() {
    for nothing in ["", "basic_auth_users: {}", "tls_server_config: {}"] {
        let (_folder, path) = config(nothing);
        let error = Web::load(&path).expect_err("it protects nothing");
        assert_names(
            &format!("{error:#}"),
            &["tls_server_config", "basic_auth_users"],
        );
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a FIFO can be made");
    let error = Web::load(&path).expect_err("it is no file");
    assert_names(&format!("{error:#}"), &["regular file"]);
}

#[test]
fn a_flood_of_wrong_passwords_does_not_delay_verified_users() {
    // A hash with this cost takes longer than the test would wait.
    let hash = bcrypt::hash("y", 4).expect("a hash");
    let slow = format!("mallory: {}", hash.replacen("$04$", "$13$", 1));
    let users = users("alice", "wonderland").replace("{ ", &format!("{{ {slow}, "));
    let (_folder, path) = config(&users);
    let mut server = Server::guarded(&path);
    assert_eq!(ask(&server, "/metrics", "alice:wonderland").status, 200);
    let storm = [(); 10].map(|()| {
        let mut stream = server.connect();
        let line = format!("authorization: Basic {}\r\n", STANDARD.encode("mallory:x"));
        send_with(&mut stream, "GET", "/metrics", &line);
        stream
    });
    for path in ["/metrics", "/healthz"] {
        assert_eq!(ask(&server, path, "alice:wonderland").status, 200, "{path}");
    }
    server.end();
    drop(storm);
}

#[test]
fn headers_are_added_to_each_answer() {
    let headers = "http_server_config: { headers: { X-Frame-Options: deny } }\n";
    let (_folder, path) = config(&(users("alice", "wonderland") + headers));
    let server = Server::guarded(&path);
    for answer in [server.get("/"), ask(&server, "/", "alice:wonderland")] {
        assert!(
            answer.head.contains("x-frame-options: deny"),
            "{}",
            answer.head
        );
    }
}

#[test]
fn the_unix_socket_needs_no_password() {
    let (folder, path) = config(&users("alice", "wonderland"));
    let socket = folder.path().join("s.sock");
    let listeners = bind(None, Some(&socket)).expect("the socket can be had");
    let web = Web::load(&path).expect("the file is right");
    let _server = Server::start(listeners.guarded_by(Some(web)), Loop::Ready);
    assert_eq!(Answer::to(unix(&socket), "GET", "/metrics").status, 200);
}

#[test]
fn unsupported_fields_are_refused_by_name() {
    for (text, part) in [
        ("basic_auth_users: { alice: plain }", "bcrypt"),
        (
            "basic_auth_users: { alice: $2b$10$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! }",
            "bcrypt",
        ),
        (
            "basic_auth_users: { alice: $2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }",
            "cost of 31",
        ),
        ("http_server_config: { headers: { X-Other: a } }", "X-Other"),
        (
            "http_server_config: { headers: { X-Frame-Options: maybe } }",
            "only to deny or sameorigin",
        ),
        ("rate_limit: { burst: 20 }", "rate_limit"),
    ] {
        let (_folder, path) = config(text);
        let error = format!("{:#}", Web::load(&path).expect_err("it is refused"));
        assert!(error.contains(part), "no {part:?} in {error}");
        assert!(error.starts_with(&format!(
            "cannot use the web config file {}",
            path.display()
        )));
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_unprotected_listener_logs_a_warning() {
    let any = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
    let listeners = bind(any, None).expect("a port is free");
    let warning = listeners.open_to_strangers().expect("anybody may read");
    assert!(warning.contains("0.0.0.0:"), "{warning}");
    assert!(warning.contains("--web.config.file"), "{warning}");

    let (_folder, path) = config(&users("alice", "wonderland"));
    let web = Web::load(&path).expect("the file is right");
    let warning = listeners.guarded_by(Some(web)).open_to_strangers();
    let warning = warning.expect("passwords can be read");
    assert!(warning.contains("unencrypted"), "{warning}");

    for loopback in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        // A host may lack IPv6.
        if let Ok(listeners) = bind(Some(loopback.parse().expect("an address")), None) {
            assert_eq!(listeners.open_to_strangers(), None);
        }
    }
}
