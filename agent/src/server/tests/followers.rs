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
