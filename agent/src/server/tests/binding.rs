use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use rustix::net::SocketAddrUnix;

use super::*;
use crate::server::socket::knock;

/// The error for this socket path.
#[track_caller]
fn refused(path: &Path) -> String {
    bind(None, Some(path))
        .expect_err("the socket cannot be had")
        .to_string()
}

#[test]
fn a_port_in_use_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = holder.local_addr().expect("it is bound");
    let error = bind(Some(address), None).expect_err("the port is held");
    let address = address.to_string();
    assert_names(&error.to_string(), &[&address, "in use", "--listen"]);
}

#[test]
fn an_address_of_another_host_is_named() {
    let address = SocketAddr::from(([192, 0, 2, 1], 9991));
    assert_eq!(
        bind(Some(address), None)
            .expect_err("the address is for documentation")
            .to_string(),
        "cannot listen on 192.0.2.1:9991: this host has no such address; choose another --listen"
    );
}

#[test]
fn the_socket_is_created_for_its_group_and_removed_at_the_end() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("made/reapwatch.sock");
    let mut server = Server::on_socket(&path);
    let mode = fs::metadata(&path)
        .expect("the socket is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    let folder = fs::metadata(temp.path().join("made")).expect("it was made");
    let mode = folder.permissions().mode();
    assert_eq!(mode & 0o7022, 0, "others may replace the socket: {mode:o}");
    assert_eq!(Answer::to(unix(&path), "GET", "/healthz").status, 200);
    server.end();
    assert!(!path.exists(), "the socket was left behind");
}

#[test]
fn the_socket_is_given_to_a_group() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    let mut listeners = bind(None, Some(&path)).expect("the socket can be had");
    // The user running the test has this group; root could use any.
    let own = rustix::process::getegid().as_raw();
    let other = if rustix::process::geteuid().is_root() {
        own + 1
    } else {
        own
    };
    listeners
        .open_socket_to(&other.to_string())
        .expect("the group is ours to give");
    let metadata = fs::metadata(&path).expect("the socket is there");
    assert_eq!(metadata.gid(), other);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);

    let unknown = listeners.open_socket_to("no such group");
    assert!(
        unknown
            .expect_err("nobody has heard of it")
            .to_string()
            .starts_with("cannot give the socket to the group no such group: ")
    );
    let mut nothing = bind(None, None).expect("there is nothing to take");
    assert!(nothing.open_socket_to("0").is_err());
}

#[test]
fn a_stale_socket_is_replaced() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    drop(UnixListener::bind(&path).expect("a socket can be made"));
    assert!(path.exists(), "a dropped listener leaves its file");
    let _server = Server::on_socket(&path);
    assert_eq!(Answer::to(unix(&path), "GET", "/healthz").status, 200);
}

#[test]
fn a_second_agent_is_refused_and_the_first_keeps_running() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    let _server = Server::on_socket(&path);
    assert_eq!(
        refused(&path),
        format!(
            "another reapwatch agent already answers on {}; stop it or choose another --socket",
            path.display()
        )
    );
    assert_eq!(Answer::to(unix(&path), "GET", "/healthz").status, 200);
}

#[test]
fn an_agent_with_a_full_accept_queue_counts_as_running() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    let listeners = bind(None, Some(&path)).expect("the socket can be had");
    // Connections are never accepted, so they stay in the queue until it is full.
    let address = SocketAddrUnix::new(&path).expect("the path is short");
    let waiting: Vec<_> = (0..200).map_while(|_| knock(&address).ok()).collect();
    assert!(waiting.len() < 200, "the queue is never full");
    assert!(refused(&path).starts_with("another reapwatch agent already answers on"));
    drop(listeners);
}

#[test]
fn an_agent_whose_socket_was_removed_still_holds_its_lock() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    let _listeners = bind(None, Some(&path)).expect("the socket can be had");
    fs::remove_file(&path).expect("the socket is there");
    assert_eq!(
        refused(&path),
        format!(
            "another reapwatch agent holds the lock {}.lock; stop it or choose another --socket",
            path.display()
        )
    );
}

#[test]
fn one_of_many_agents_starting_at_once_wins() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    drop(UnixListener::bind(&path).expect("a stale socket can be made"));
    let race = |()| {
        let path = path.clone();
        std::thread::spawn(move || bind(None, Some(&path)))
    };
    // Start all of them before waiting for the first.
    let racers = [(); 8].map(race);
    let ends = racers.map(|racer| racer.join().expect("no panic"));
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
    UnixStream::connect(&path).expect("the winner's socket is the one at the path");
}

#[test]
fn a_foreign_file_is_not_deleted() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("precious");
    fs::write(&path, "content").expect("a file can be written");
    let name = path.to_str().expect("it is UTF-8");
    assert_names(&refused(&path), &[name, "not a socket", "--socket"]);
    assert_eq!(
        fs::read_to_string(&path).expect("the file is there"),
        "content"
    );
    assert_eq!(
        fs::read_dir(temp.path()).expect("a folder").count(),
        1,
        "a lock was left there"
    );
}

#[test]
fn a_socket_that_took_our_place_is_not_deleted() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let path = temp.path().join("reapwatch.sock");
    let mut server = Server::on_socket(&path);
    // Keep the old file, so that its inode number is not reused.
    fs::rename(&path, temp.path().join("old")).expect("the socket is there");
    let _other = UnixListener::bind(&path).expect("the path is free");
    server.end();
    assert!(path.exists(), "the other's socket was deleted");
}

#[test]
fn a_folder_missing_deeper_is_named() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let folder = temp.path().join("not/there");
    let name = folder.to_str().expect("it is UTF-8");
    let error = refused(&folder.join("reapwatch.sock"));
    assert_names(&error, &[name, "missing", "--socket"]);
}

#[test]
fn a_folder_below_a_file_is_named() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    let file = temp.path().join("file");
    fs::write(&file, "").expect("a file can be written");
    let folder = file.join("run");
    let error = refused(&folder.join("reapwatch.sock"));
    let name = folder.to_str().expect("it is UTF-8");
    assert_names(&error, &[name, "Not a directory (os error 20)", "--socket"]);
}

#[test]
fn a_directory_that_is_not_writable_is_named() {
    // Not even root can create a file there.
    let path = Path::new("/proc/self/reapwatch.sock");
    let lock = "/proc/self/reapwatch.sock.lock";
    assert_names(&refused(path), &[lock, "(os error 2)", "--socket"]);
}

#[test]
fn a_path_too_long_is_named() {
    let path = Path::new("/tmp").join("x".repeat(120));
    let name = path.to_str().expect("it is UTF-8");
    assert_names(&refused(&path), &[name, "107 bytes", "--socket"]);
}

#[test]
fn a_removed_socket_is_created_again_with_its_mode_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("s.sock");
    let listeners = bind(None, Some(&path)).expect("the socket can be had");
    let mut file = listeners.socket.expect("it was asked for").file;
    assert!(file.restore().expect("nothing is to do").is_none());
    fs::remove_file(&path).expect("it is there");
    let listener = file.restore().expect("it can be created");
    assert!(listener.is_some());
    let metadata = fs::symlink_metadata(&path).expect("it is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, "somebody else's").expect("it can be written");
    assert!(file.restore().expect("nothing is to do").is_none());
    drop(file);
    assert!(path.exists(), "only our own file is removed");
}
