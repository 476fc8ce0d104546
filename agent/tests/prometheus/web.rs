//! A real Prometheus scrapes with TLS and a password, and promtool accepts the same config file.

use std::fs;
use std::path::Path;
use std::process::Output;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{Command, Program, Stdio, first_value, free_address, get, start_prometheus, wait_for};

/// Hash of `wonderland`.
const HASH: &str = "$2y$05$XD0K3CjKYypNodWaMt04dOt0iTxBDg5uXo.PSSEdKe9oYTFiUDpAG";

/// Everything that our config file supports.
const CONFIG: &str = "\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
  - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
  prefer_server_cipher_suites: true
  curve_preferences:
  - X25519
  - CurveP256
  - CurveP384
http_server_config:
  http2: false
  headers:
    X-Content-Type-Options: nosniff
    X-Frame-Options: deny
";

/// A certificate authority, with a server and a client certificate.
fn certify(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file can be written");
    };
    write("ca.pem", &authority.pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        write(&format!("{name}.crt"), &certificate.pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
}

fn promtool(config: &Path) -> Output {
    Command::new("promtool")
        .args(["check", "web-config"])
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .expect("promtool starts")
}

#[test]
#[ignore = "needs root, a kernel with BTF, and Debian's prometheus"]
fn prometheus_scrapes_over_tls_by_password() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    certify(temp.path());
    let config = temp.path().join("agent-web.yml");
    let users = format!("basic_auth_users: {{ prometheus: {HASH} }}\n");
    fs::write(&config, CONFIG.to_owned() + &users).expect("a file can be written");
    let output = promtool(&config);
    assert!(output.status.success(), "{output:?}");

    let agent_address = free_address();
    let _agent = Program::start(
        Command::new(env!("CARGO_BIN_EXE_reapwatch"))
            .args(["agent", "--listen", &agent_address.to_string()])
            .arg("--web.config.file")
            .arg(&config)
            .arg("--socket")
            .arg(temp.path().join("reapwatch.sock")),
    );
    let prometheus_address = free_address();
    let job = |password: &str| {
        let folder = temp.path().display();
        format!(
            "- job_name: reapwatch\n  scheme: https\n  \
             basic_auth: {{ username: prometheus, password: {password} }}\n  \
             tls_config:\n    ca_file: {folder}/ca.pem\n    \
             cert_file: {folder}/client.crt\n    key_file: {folder}/client.key\n  \
             static_configs: [ {{ targets: ['{agent_address}'] }} ]\n"
        )
    };
    let query = |text: &str| {
        first_value(&get(
            prometheus_address,
            &format!("/api/v1/query?query={text}"),
        )?)
    };

    let stranger = start_prometheus(temp.path(), &job("wonder"), "", prometheus_address);
    wait_for("a scrape by a wrong password to fail", || {
        let targets = get(prometheus_address, "/api/v1/targets").unwrap_or_default();
        targets.contains("401 Unauthorized")
    });
    assert_eq!(query("up"), Some(0.0));
    drop(stranger);

    let _prometheus = start_prometheus(temp.path(), &job("wonderland"), "", prometheus_address);
    wait_for("Prometheus to scrape the agent", || {
        query("up").is_some_and(|up| up >= 1.0)
    });
    wait_for("figures of the agent", || {
        query("sum(reapwatch_build_info)").is_some_and(|found| found >= 1.0)
    });
}

#[test]
#[ignore = "needs promtool"]
fn the_agent_refuses_what_promtool_refuses() {
    let temp = tempfile::tempdir().expect("a folder can be made");
    certify(temp.path());
    let config = temp.path().join("web.yml");
    for text in [
        "tls_server_config: { cert_file: server.crt }",
        "tls_server_config: { cert_file: no.crt, key_file: server.key }",
        "tls_server_config: { cert_file: ca.pem, key_file: server.key }",
        "tls_server_config: { cert_file: server.crt, key_file: server.key, min_version: TLS9 }",
        "tls_server_config: { cert_file: server.crt, key_file: server.key, \
         client_ca_file: ca.pem }",
        "http_server_config: { headers: { X-Other: a } }",
        "http_server_config: { headers: { X-Frame-Options: maybe } }",
        "basic_auth_users: { alice: plain }",
        "tls_config: {}",
    ] {
        fs::write(&config, text).expect("a file can be written");
        let output = promtool(&config);
        assert!(
            !output.status.success(),
            "promtool takes {text}: {output:?}"
        );
        let output = Command::new(env!("CARGO_BIN_EXE_reapwatch"))
            .args(["agent", "--listen", "127.0.0.1:0", "--socket", "none"])
            .arg("--web.config.file")
            .arg(&config)
            .stdin(Stdio::null())
            .output()
            .expect("the agent starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}: {errors}");
        assert!(
            errors.contains("cannot use the web config file"),
            "{errors}"
        );
    }
}
