use std::{io::Write, os::unix::net::UnixListener, thread};

use super::*;
use crate::host::cri::wire::{ContainerMetadata, SandboxMetadata};

fn sandbox(id: &str, uid: &str, name: &str) -> Sandbox {
    Sandbox {
        id: id.to_owned(),
        metadata: Some(SandboxMetadata {
            name: name.to_owned(),
            uid: uid.to_owned(),
            namespace: "shop".to_owned(),
        }),
    }
}

fn container(id: &str, sandbox: &str, name: &str) -> Container {
    Container {
        id: id.to_owned(),
        pod_sandbox_id: sandbox.to_owned(),
        metadata: Some(ContainerMetadata {
            name: name.to_owned(),
        }),
    }
}

fn pod(uid: &str, name: &str, sandboxes: &[&str], containers: &[(&str, &str)]) -> Pod {
    let owned = |(id, name): &(&str, &str)| ((*id).to_owned(), (*name).to_owned());
    Pod {
        uid: uid.to_owned(),
        hash: None,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        containers: containers.iter().map(owned).collect(),
        sandboxes: sandboxes.iter().map(|&id| id.to_owned()).collect(),
    }
}

#[test]
fn containers_are_of_the_pod_of_their_sandbox() {
    let sandboxes = vec![
        sandbox("s1", "u1", "web-0"),
        sandbox("s0", "u1", "web-0"),
        sandbox("s2", "u2", "db-0"),
    ];
    let containers = vec![
        container("c1", "s1", "app"),
        container("c0", "s0", "app"),
        container("lost", "s9", "app"),
    ];
    let expected = [
        pod(
            "u1",
            "web-0",
            &["s1", "s0"],
            &[("c1", "app"), ("c0", "app")],
        ),
        pod("u2", "db-0", &["s2"], &[]),
    ];
    assert_eq!(join(sandboxes, containers), expected);
}

#[test]
fn invalid_names_are_omitted() {
    let long = "x".repeat(65);
    let sandboxes = vec![
        sandbox("s1", "u1", "web\u{1b}[31m"),
        sandbox("s2", "u2", ""),
        sandbox("s 3", "u3", "web"),
        sandbox(&long, "u4", "web"),
        Sandbox::default(),
        sandbox("s5", "u5", &long),
    ];
    let containers = vec![
        container("c1", "s1", "app"),
        container("c2", "s5", "a b"),
        container("", "s5", "app"),
        container("c3", "s5", &long),
        Container::default(),
    ];
    assert_eq!(
        join(sandboxes, containers),
        [pod("u5", &long, &["s5"], &[])]
    );
}

#[test]
fn the_containers_of_a_pod_are_bounded() {
    let many = 0..10 * MOST_OF_POD;
    let sandboxes = many.clone().map(|n| sandbox(&format!("s{n}"), "u", "web"));
    let containers = many.map(|n| container(&format!("c{n}"), "s0", "app"));
    let pods = join(sandboxes.collect(), containers.collect());
    let kept = [pods[0].sandboxes.len(), pods[0].containers.len()];
    assert_eq!((pods.len(), kept), (1, [MOST_OF_POD; 2]));
}

/// The outcome of a lookup from a listener that does this with each connection.
async fn answer_of(
    serve: impl Fn(std::os::unix::net::UnixStream) + Send + 'static,
) -> Result<Vec<Pod>, NoAnswer> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("cri.sock");
    let listener = UnixListener::bind(&socket).expect("it can listen");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream);
        }
    });
    list(&socket).await
}

fn failure(answer: Result<Vec<Pod>, NoAnswer>) -> Failure {
    answer.expect_err("there is no answer").failure
}

#[tokio::test]
async fn a_socket_that_is_absent_or_has_no_listener_is_no_connection() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("cri.sock");
    assert_eq!(failure(list(&socket).await), Failure::Disconnected);
    drop(UnixListener::bind(&socket).expect("it can listen"));
    assert_eq!(failure(list(&socket).await), Failure::Disconnected);
}

#[tokio::test]
async fn a_listener_that_closes_at_once_counts_as_no_connection() {
    assert_eq!(failure(answer_of(drop).await), Failure::Disconnected);
}

#[tokio::test]
async fn another_protocol_is_malformed() {
    let answer = answer_of(|mut stream| {
        let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        std::mem::forget(stream);
    });
    assert_eq!(failure(answer.await), Failure::Malformed);
}

/// Time is paused and advances only to the next deadline, so that timeouts are immediate.
#[tokio::test(start_paused = true)]
async fn a_silent_listener_times_out() {
    assert_eq!(failure(answer_of(std::mem::forget).await), Failure::Slow);
}

#[test]
fn damaged_answers_of_the_runtime_are_read() {
    let containers = vec![container("c1", "s1", "app"), container("c2", "s1", "other")];
    let items = vec![sandbox("s1", "u1", "web-0")];
    let corpus = [
        Containers { containers }.encode_to_vec(),
        Sandboxes { items }.encode_to_vec(),
    ];
    fuzz::feed(&corpus, |bytes| {
        let containers = Containers::decode(bytes).unwrap_or_default().containers;
        let sandboxes = Sandboxes::decode(bytes).unwrap_or_default().items;
        join(sandboxes, containers);
    });
}
