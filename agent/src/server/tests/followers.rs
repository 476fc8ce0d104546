use super::*;
use crate::server::routes::FOLLOWERS;

#[test]
fn followers_leave_room_for_health_checks() {
    let server = Server::on_tcp(Loop::Ready);
    let mut followers: Vec<_> = (0..FOLLOWERS)
        .map(|_| follow(server.connect(), 3))
        .collect();
    let answer = server.get("/api/v1/exits");
    assert_eq!(answer.status, 503);
    answer.assert_error(&["32 clients"]);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }

    // A slot is free once the server has noticed that its client is gone.
    drop(followers.pop());
    let begun = std::time::Instant::now();
    loop {
        let mut stream = server.connect();
        send(&mut stream, "GET", "/api/v1/exits");
        let mut line = String::new();
        BufReader::new(stream)
            .read_line(&mut line)
            .expect("the answer can be read");
        if line.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(begun.elapsed() < LONG, "the seat is never free: {line}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// As one does whose output goes to a pager.
#[tokio::test(start_paused = true)]
async fn a_client_of_the_socket_may_pause() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("s.sock");
    let (handle, requests) = Handle::new();
    tokio::spawn(pretend(requests, Loop::Ready, Arc::default()));
    let listeners = bind(None, Some(&path)).expect("the socket can be had");
    tokio::spawn(serve(listeners, handle, std::future::pending()));
    let client = tokio::net::UnixStream::connect(&path).await;
    let mut stream = client.expect("it listens");
    let request = b"GET /api/v1/zombies HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("it can be sent");
    let begun = stream.read(&mut [0; 64]).await;
    assert!(begun.expect("it begins") > 0);
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    assert!(read.is_ok() && rest.ends_with(b"0\r\n\r\n"), "{read:?}");
}
