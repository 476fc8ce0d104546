use super::*;

#[test]
fn an_open_stream_is_ended_whole() {
    let mut server = Server::on_tcp(Loop::Ready);
    let (_, mut stream) = follow(server.connect(), 3);
    server.end();
    let mut rest = String::new();
    stream
        .read_to_string(&mut rest)
        .expect("the stream ends without an error");
    assert!(rest.ends_with("0\r\n\r\n"), "no last chunk: {rest:?}");
}

#[test]
fn half_a_request_does_not_block_shutdown() {
    let mut server = Server::on_tcp(Loop::Ready);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metrics HT")
        .expect("it can be sent");
    server.get("/healthz");
    server.end();
}

#[test]
fn a_running_request_does_not_block_shutdown() {
    let mut server = Server::on_tcp(Loop::Stuck);
    let mut stream = server.connect();
    send(&mut stream, "GET", "/metrics");
    server.get("/healthz");
    server.end();
}

#[test]
fn a_server_without_listeners_waits_for_its_end() {
    let mut server = Server::start(
        bind(None, None).expect("there is nothing to take"),
        Loop::Ready,
    );
    server.end();
}
