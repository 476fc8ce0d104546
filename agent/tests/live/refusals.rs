//! What cannot work is refused at the start: one sentence on stderr, and the exit status.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::agent::{Agent, REAPWATCH, view};
use crate::host::NOBODY;
use api::Doctor;

fn agent(args: &[&str]) -> Output {
    Command::new(REAPWATCH)
        .arg("agent")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Asserts exit status 1 and one line on stderr that contains `telling`.
pub(crate) fn assert_refused(output: &Output, telling: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "not one sentence: {errors}");
    assert!(errors.starts_with("reapwatch: "), "{errors}");
    assert!(errors.contains(telling), "no `{telling}` in: {errors}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_socket_in_use() {
    let first = Agent::start(&[]);
    let socket = first.socket();
    let socket = socket.to_str().expect("an ASCII path");
    assert_refused(&agent(&["--listen", "none", "--socket", socket]), socket);
    assert!(
        view(&["zombies"], Path::new(socket)).status.success(),
        "the first was disturbed"
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    assert_refused(
        &agent(&["--listen", &address, "--socket", "none"]),
        &address,
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_socket_folder_that_is_not_a_folder() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file can be made");
    let socket = file.join("s.sock");
    let output = agent(&["--listen", "none", "--socket", &socket.to_string_lossy()]);
    assert_refused(&output, &file.to_string_lossy());
}

#[test]
fn an_unknown_flag() {
    let output = agent(&["--no-such-flag"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("--no-such-flag"), "{errors}");
}

#[test]
fn an_agent_without_any_listener() {
    assert_refused(
        &agent(&["--listen", "none", "--socket", "none"]),
        "--listen",
    );
}

#[test]
fn a_web_config_file_without_tcp() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = folder.path().join("web.yml");
    fs::write(&config, "").expect("a file can be made");
    let config = config.to_str().expect("an ASCII path");
    assert_refused(
        &agent(&["--listen", "none", "--web.config.file", config]),
        "--listen none",
    );
}

#[test]
fn a_web_config_file_with_an_unsupported_field() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = folder.path().join("web.yml");
    let agent = || {
        let config = config.to_str().expect("an ASCII path");
        agent(&["--listen", "127.0.0.1:0", "--web.config.file", config])
    };
    assert_refused(&agent(), &config.to_string_lossy());
    for (text, part) in [
        ("rate_limit: { burst: 20 }", "rate_limit"),
        ("basic_auth_users: { alice: secret }", "\"alice\""),
        (
            "tls_server_config: { cert_file: no.crt, key_file: no.key }",
            "no.crt",
        ),
    ] {
        fs::write(&config, text).expect("a file can be made");
        assert_refused(&agent(), part);
    }
}

/// Runs an unreadable copy of the program as the user `nobody`.
fn run_as_nobody(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let copy = folder.path().join("reapwatch");
    fs::copy(REAPWATCH, &copy).expect("the program can be copied");
    for path in [folder.path(), &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .expect("the folder is writable");
    }
    Command::new(&copy)
        .args(args)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .expect("the copy runs")
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn no_privileges_for_the_agent() {
    assert_refused(
        &run_as_nobody(&["agent", "--listen", "127.0.0.1:0", "--socket", "none"]),
        "root",
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_socket_folder_of_another_user() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("s.sock");
    let output = run_as_nobody(&[
        "agent",
        "--listen",
        "none",
        "--socket",
        &socket.to_string_lossy(),
    ]);
    assert_refused(&output, "");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_view_without_an_agent_at_the_given_socket() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("s.sock");
    assert_refused(&view(&["zombies"], &socket), &socket.to_string_lossy());
}

/// Runs the program as `unshare` runs it, in a PID namespace of its own.
fn in_own_pid_namespace(unshare: &[&str], args: &[&str]) -> Output {
    Command::new("unshare")
        .args(["--pid", "--fork"])
        .args(unshare)
        .arg(REAPWATCH)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs")
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_pid_namespace_that_hides_most_processes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("s.sock");
    let socket = socket.to_str().expect("an ASCII path");
    let agent = ["agent", "--listen", "none", "--socket", socket];
    let trace = folder.path().join("deaths.trace");
    let record = ["record", trace.to_str().expect("an ASCII path"), "--for=1s"];
    for unshare in [
        &["--mount-proc"][..],
        &["--mount-proc", "--kill-child"],
        // With the /proc of the host.
        &[],
    ] {
        for args in [&agent[..], &record] {
            let output = in_own_pid_namespace(unshare, args);
            assert_refused(&output, "--pid=host");
            assert_refused(&output, "hostPID: true");
        }
        let view = in_own_pid_namespace(unshare, &["zombies"]);
        assert_refused(&view, "hostPID: true");
        let doctor = in_own_pid_namespace(unshare, &["doctor", "--json"]);
        assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
        let doctor: Doctor = serde_json::from_slice(&doctor.stdout).expect("a document");
        let fact = doctor.facts.iter().find(|it| it.name == "PID namespace");
        assert!(fact.is_some_and(|it| !it.ok), "{doctor:#?}");
    }
    assert!(!trace.exists(), "a file without a recording is left");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_view_of_an_agent_outside_its_pid_namespace_works() {
    let agent = Agent::start(&[]);
    let socket = agent.socket().to_str().expect("an ASCII path");
    let output = in_own_pid_namespace(&["--mount-proc"], &["zombies", "--socket", socket]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_host_root_without_proc() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("ours");
    for root in ["/nope", file.to_str().expect("an ASCII path")] {
        let refused = agent(&["--listen=127.0.0.1:0", "--socket=none", "--host-root", root]);
        assert_refused(&refused, &format!("--host-root {root}"));
        assert_refused(&refused, "omit the option");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn doctor_names_a_host_root_that_is_none() {
    let doctor = Command::new(REAPWATCH)
        .args(["doctor", "--json", "--host-root", "/nope"])
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&doctor.stderr);
    let doctor: Doctor = serde_json::from_slice(&doctor.stdout).expect("a document");
    // An agent at the default socket answers for itself, and the view says so.
    let fact = doctor.facts.iter().find(|it| it.name == "host root");
    let named = fact.is_some_and(|it| !it.ok && it.found.contains("/nope"));
    assert!(
        named || errors.contains("--host-root"),
        "{doctor:#?} {errors}"
    );
}
