//! The agent's HTTP on the network: encrypted, by password, and the errors for wrong requests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::agent::{Agent, REAPWATCH, eventually};
use crate::scenario;

/// Hash of `wonderland`.
const HASH: &str = "$2y$05$XD0K3CjKYypNodWaMt04dOt0iTxBDg5uXo.PSSEdKe9oYTFiUDpAG";

/// A web config file, and what it names.
struct Web {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Web {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let web = Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            authority: CertifiedIssuer::self_signed(params, key).expect("an authority"),
        };
        web.write("ca.pem", &web.authority.pem());
        web.write("password", "wonderland\n");
        web.write(
            "web.yml",
            "tls_server_config: { cert_file: server.crt, key_file: server.key }\n",
        );
        web.certify(&web.authority);
        web
    }

    /// A new certificate for the agent, by this authority.
    fn certify(&self, authority: &CertifiedIssuer<'static, KeyPair>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let certificate = params.signed_by(&key, authority).expect("a certificate");
        self.write("server.crt", &certificate.pem());
        self.write("server.key", &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn agent(&self) -> Agent {
        let config = self.path("web.yml");
        let config = config.to_str().expect("an ASCII path");
        let options = ["--listen", "127.0.0.1:0", "--web.config.file", config];
        start(&options, &self.path("s.sock"))
    }
}

/// An agent that logs where it serves.
fn start(options: &[&str], socket: &Path) -> Agent {
    let mut program = Command::new(REAPWATCH);
    program.env("RUST_LOG", "info");
    Agent::start_as(program, options, socket)
}

fn ask(url: &str, options: &[&str]) -> Output {
    view(&["zombies", "--json", "--url", url], options)
}

fn view(args: &[&str], options: &[&str]) -> Output {
    Command::new(REAPWATCH)
        .args(args)
        .args(options)
        .env_remove("REAPWATCH_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

#[track_caller]
fn assert_answered(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.starts_with(b"{\"version\":1,"), "{output:?}");
}

/// Asserts exit status 1 and one sentence beside the one on the source.
#[track_caller]
fn assert_refused(output: &Output, telling: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let sentences: Vec<_> = errors
        .lines()
        .filter(|line| !line.contains("reading from"))
        .collect();
    assert_eq!(sentences.len(), 1, "not one sentence: {errors}");
    assert!(
        sentences[0].contains(telling),
        "no `{telling}` in: {errors}"
    );
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn views_ask_trusted_agents_over_tls() {
    let web = Web::new();
    let agent = web.agent();
    let url = agent.url();
    assert!(url.starts_with("https://"), "{url}");
    let authority = web.path("ca.pem");
    let authority = authority.to_str().expect("an ASCII path");
    assert_answered(&ask(&url, &["--ca-file", authority]));
    assert_answered(&ask(&url, &["--insecure"]));
    assert_refused(&ask(&url, &[]), "--ca-file");
    let localhost = url.replace("127.0.0.1", "localhost");
    assert_refused(&ask(&localhost, &["--ca-file", authority]), "localhost");
    let key = web.path("server.key");
    let key = key.to_str().expect("an ASCII path");
    assert_refused(&ask(&url, &["--ca-file", key]), "no certificate");

    let plain = url.replace("https://", "http://");
    assert_refused(&ask(&plain, &[]), "this port speaks TLS");
    assert_refused(&ask(&plain, &["--insecure"]), "use https://");

    // From now on another authority is used.
    let other = Web::new();
    web.certify(&other.authority);
    assert_refused(&ask(&url, &["--ca-file", authority]), "--ca-file");
    let other = other.path("ca.pem");
    let other = other.to_str().expect("an ASCII path");
    assert_answered(&ask(&url, &["--ca-file", other]));

    web.write(
        "web.yml",
        "tls_server_config: { cert_file: server.crt, key_file: server.key, client_ca_file: \
         ca.pem, client_auth_type: RequireAndVerifyClientCert }\n",
    );
    assert_refused(&ask(&url, &["--insecure"]), "client certificate");

    // The socket is not affected.
    agent.zombies();
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn deaths_are_followed_over_tls() {
    let web = Web::new();
    let agent = web.agent();
    let mut program = Command::new(REAPWATCH)
        .args(["exits", "--json", "--count", "1", "--insecure", "--url"])
        .arg(agent.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let ended = eventually(|| {
        scenario::run("reaped_0ms");
        program.try_wait().expect("it is a child").is_some()
    });
    if !ended {
        drop(program.kill());
    }
    let output = program.wait_with_output().expect("it has ended");
    assert!(ended, "no death was printed: {output:?}");
    assert_eq!(output.status.code(), Some(0));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert!(line["pid"].is_u64(), "{line}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn tls_is_off_unless_configured() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let agent = start(&["--listen", "127.0.0.1:0"], &folder.path().join("s.sock"));
    let url = agent.url();
    assert!(url.starts_with("http://"), "{url}");
    assert_answered(&ask(&url, &[]));
    let encrypted = url.replace("http://", "https://");
    assert_refused(&ask(&encrypted, &["--insecure"]), "does not speak TLS");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn views_give_the_password_that_the_agent_wants() {
    let web = Web::new();
    web.write(
        "web.yml",
        &format!("basic_auth_users: {{ alice: {HASH} }}\n"),
    );
    let agent = web.agent();
    let url = agent.url();
    let with = |user: &str| url.replace("://", &format!("://{user}@"));
    assert_answered(&ask(&with("alice:wonderland"), &[]));
    let file = web.path("password");
    let file = file.to_str().expect("an ASCII path");
    assert_answered(&ask(&with("alice"), &["--password-file", file]));
    let output = Command::new(REAPWATCH)
        .args(["zombies", "--json", "--url", &with("alice")])
        .env("REAPWATCH_PASSWORD", "wonderland")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert_answered(&output);

    assert_refused(&ask(&url, &[]), "requires a user and a password");
    for wrong in ["alice:wonder", "bob:wonderland"] {
        let output = ask(&with(wrong), &[]);
        assert_refused(&output, "rejected the user or the password");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !errors.contains("wonder"),
            "it shows the password: {errors}"
        );
    }
    assert_refused(&ask(&with("alice"), &[]), "REAPWATCH_PASSWORD");
    assert_refused(&ask(&url, &["--password-file", file]), "requires a user");

    // A file that has become invalid changes nothing, and the log has the reason.
    web.write("web.yml", "rate_limit: {}\n");
    assert_answered(&ask(&with("alice:wonderland"), &[]));
    assert_refused(&ask(&url, &[]), "requires a user and a password");
    assert_eq!(
        agent.log().matches("rate_limit is not supported").count(),
        1
    );

    // The socket is not affected.
    agent.zombies();
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn an_open_network_listener_is_warned_about_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let open = start(&["--listen", "0.0.0.0:0"], &folder.path().join("open.sock"));
    open.url();
    assert_eq!(open.log().matches("--web.config.file").count(), 1);
    let closed = start(&["--listen", "127.0.0.1:0"], &folder.path().join("s.sock"));
    closed.url();
    assert_eq!(closed.log().matches("--web.config.file").count(), 0);
}
