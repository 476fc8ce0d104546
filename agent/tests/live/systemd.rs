//! What a service manager receives. A socket of the test stands in for the manager: the protocol
//! of sd_notify(3) is all that the two have in common.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

use crate::agent::{Agent, PATIENCE, REAPWATCH, view};
use crate::host::Host;

/// Short, so that several beats come while the test waits.
const WATCHDOG_MICROSECONDS: &str = "1000000";

struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn by_path(folder: &std::path::Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("the path is free");
        Self::of(socket, path.to_str().expect("ASCII").to_owned())
    }

    fn by_name(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("short");
        let socket = UnixDatagram::bind_addr(&address).expect("the name is free");
        Self::of(socket, format!("@{name}"))
    }

    fn of(socket: UnixDatagram, name: String) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self { socket, name }
    }

    fn starts(&self, mut program: Command) -> Command {
        program.env("NOTIFY_SOCKET", &self.name);
        program
    }

    /// The next message.
    fn receive(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self
            .socket
            .recv(&mut bytes)
            .expect("a message comes in time");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_service_manager_receives_ready_watchdog_and_stopping() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let name = format!("reapwatch-test-{}", std::process::id());
    for manager in [Manager::by_path(folder.path()), Manager::by_name(&name)] {
        let mut program = manager.starts(Command::new(REAPWATCH));
        program.env("WATCHDOG_USEC", WATCHDOG_MICROSECONDS);
        let socket = folder.path().join("s.sock");
        let mut agent = Agent::start_as(program, &[], &socket);
        let ready = manager.receive();
        assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
        for _ in 0..3 {
            assert_eq!(manager.receive(), "WATCHDOG=1\n");
        }
        agent.signal(libc::SIGTERM);
        let last =
            std::iter::repeat_with(|| manager.receive()).find(|message| message != "WATCHDOG=1\n");
        assert_eq!(last.as_deref(), Some("STOPPING=1\n"));
        assert_eq!(agent.ended().code(), Some(0));
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn ready_is_sent_once_the_agent_answers_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let manager = Manager::by_path(folder.path());
    let socket = folder.path().join("s.sock");
    let mut program = manager.starts(Command::new(REAPWATCH));
    program.args(["agent", "--listen", "none", "--socket"]);
    let mut agent = program.arg(&socket).spawn().expect("it starts");
    let ready = manager.receive();
    let answer = view(&["zombies"], &socket);
    agent.kill().expect("it lives");
    agent.wait().expect("a child");
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(answer.status.success(), "{answer:?}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn only_the_daemon_notifies_its_service_manager() {
    let host = Host::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let manager = Manager::by_path(folder.path());
    let mut view = manager.starts(host.reapwatch());
    view.env("WATCHDOG_USEC", "1")
        .args(["exits", "--for", "2500ms"]);
    let output = view.output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let mut agent = manager.starts(host.reapwatch());
    // The PID of init, not of this agent.
    agent.env("WATCHDOG_USEC", "1").env("WATCHDOG_PID", "1");
    let mut agent = Agent::start_as(agent, &[], &host.socket());
    agent.signal(libc::SIGTERM);
    agent.ended();
    let ready = manager.receive();
    assert!(ready.contains("READY=1"), "{ready}");
    assert_eq!(manager.receive(), "STOPPING=1\n");
    manager
        .socket
        .set_nonblocking(true)
        .expect("the socket is open");
    let more = manager
        .socket
        .recv(&mut [0; 64])
        .map_err(|error| error.kind());
    assert_eq!(more.err(), Some(io::ErrorKind::WouldBlock));
}
