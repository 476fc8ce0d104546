use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

/// Certificate files with a config file.
struct Files {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(config: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let files = Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            authority: CertifiedIssuer::self_signed(params, key).expect("an authority"),
        };
        files.write("ca.pem", &files.authority.pem());
        files.certify();
        files.config(config);
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file can be written");
    }

    /// A new certificate and key for the server.
    fn certify(&self) {
        let (certificate, key) = self.leaf();
        self.write("server.crt", &certificate);
        self.write("server.key", &key);
    }

    fn leaf(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.authority);
        (
            certificate.expect("a certificate").pem(),
            key.serialize_pem(),
        )
    }

    /// Further lines of `tls_server_config`, indented by two.
    fn config(&self, lines: &str) {
        let text =
            format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{lines}");
        self.write("web.yml", &text);
    }

    fn server(&self) -> Server {
        Server::guarded(&self.folder.path().join("web.yml"))
    }

    fn refused(&self) -> String {
        let refused = Web::load(&self.folder.path().join("web.yml"));
        let error = format!("{:#}", refused.expect_err("it is refused"));
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    fn client(&self) -> Client {
        Client {
            root: self.authority.der().clone(),
            versions: vec![&TLS12, &TLS13],
            own: None,
        }
    }
}

/// A client, and its certificates.
struct Client {
    root: CertificateDer<'static>,
    versions: Vec<&'static rustls::SupportedProtocolVersion>,
    own: Option<(String, String)>,
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Client {
    /// A connection after its handshake.
    fn connect(&self, server: &Server) -> Result<Stream, std::io::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(roots);
        let config = match &self.own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
                config
                    .with_client_auth_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
                    .expect("they go together")
            }
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let mut stream = StreamOwned::new(connection, server.connect());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// The response over TLS; errors after the handshake appear here.
    fn get(&self, server: &Server, path: &str) -> Result<Answer, std::io::Error> {
        let mut stream = self.connect(server)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(Answer::read(&answer[..]))
    }
}

#[test]
fn tls_is_served_and_plain_http_gets_an_error() {
    let files = Files::new("");
    let server = files.server();
    let answer = files.client().get(&server, "/metrics").expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains(SERIES), "{}", answer.body);
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 400);
    answer.assert_error(&["TLS", "https://"]);
}

#[test]
fn a_stream_over_tls_is_ended_whole() {
    let files = Files::new("");
    let mut server = files.server();
    let stream = files.client().connect(&server).expect("a handshake");
    let (lines, mut stream) = follow(stream, 3);
    assert_eq!(lines[1]["pid"], 8);
    server.end();
    let mut rest = String::new();
    // TLS itself detects that the other side closed early.
    stream
        .read_to_string(&mut rest)
        .expect("it ends without an error");
    assert!(rest.ends_with("0\r\n\r\n"), "no last chunk: {rest:?}");
}

#[test]
fn a_silent_client_does_not_block_shutdown() {
    let files = Files::new("");
    let mut server = files.server();
    let _silent = server.connect();
    let mut half = server.connect();
    half.write_all(&[0x16, 3, 1]).expect("it can be sent");
    files.client().get(&server, "/healthz").expect("an answer");
    server.end();
}

#[test]
fn handshakes_that_never_end_do_not_keep_others_out() {
    let files = Files::new("");
    let server = files.server();
    let stalled: Vec<_> = (0..320)
        .map(|n| {
            let mut stream = server.connect();
            // It may have lost its seat already.
            let _ = stream.write_all(&[0x16, 3, 1][..n % 4]);
            stream
        })
        .collect();
    let answer = files.client().get(&server, "/healthz").expect("an answer");
    assert_eq!(answer.status, 200);
    drop(stalled);
}

#[test]
fn new_certificates_take_effect_at_the_next_handshake() {
    let files = Files::new("");
    let server = files.server();
    let shown = || {
        let stream = files.client().connect(&server).expect("a handshake");
        let shown = stream.conn.peer_certificates().expect("a certificate");
        shown[0].clone().into_owned()
    };
    let first = shown();
    assert_eq!(first, shown());
    files.certify();
    let second = shown();
    assert_ne!(first, second);

    // In the middle of a rotation, certificate and key do not match.
    let (certificate, key) = files.leaf();
    files.write("server.crt", &certificate);
    assert_eq!(second, shown());
    files.write("server.key", &key);
    assert_ne!(second, shown());
}

#[test]
fn client_certificates_are_required_as_configured() {
    let wanted = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    let files = Files::new(wanted);
    let server = files.server();
    let (mut known, mut stranger) = (files.client(), files.client());
    known.own = Some(files.leaf());
    stranger.own = Some(Files::new("").leaf());
    let status = |client: &Client| client.get(&server, "/healthz").map(|answer| answer.status);
    assert_eq!(status(&known).expect("an answer"), 200);
    assert!(status(&stranger).is_err());
    assert!(status(&files.client()).is_err());

    // A running server does not let in everybody because of a changed file.
    files.config(&wanted.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"));
    assert_eq!(status(&known).expect("an answer"), 200);
    assert!(status(&files.client()).is_err());
    let server = files.server();
    let status = |client: &Client| client.get(&server, "/healthz").map(|answer| answer.status);
    assert_eq!(status(&known).expect("an answer"), 200);
    assert_eq!(status(&files.client()).expect("an answer"), 200);
    assert!(status(&stranger).is_err());
}

#[test]
fn tls_versions_and_suites_are_as_configured() {
    let files = Files::new("  min_version: TLS13\n");
    let server = files.server();
    let mut old = files.client();
    old.versions = vec![&TLS12];
    assert!(old.connect(&server).is_err());
    assert!(files.client().connect(&server).is_ok());

    files.config("  max_version: TLS12\n");
    assert!(old.connect(&server).is_ok());
    let mut new = files.client();
    new.versions = vec![&TLS13];
    assert!(new.connect(&server).is_err());

    files.config("  cipher_suites: [ TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ]\n");
    let suite = |client: &Client| {
        let stream = client.connect(&server).expect("a handshake");
        let suite = stream.conn.negotiated_cipher_suite().expect("a suite");
        suite.suite()
    };
    assert_eq!(
        suite(&old),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    );
    suite(&new);
    files.config("  cipher_suites: [ TLS_CHACHA20_POLY1305_SHA256 ]\n");
    assert_eq!(suite(&new), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    assert!(old.connect(&server).is_err());

    files.config("  curve_preferences: [ CurveP384 ]\n");
    let stream = files.client().connect(&server).expect("a handshake");
    let group = stream.conn.negotiated_key_exchange_group();
    assert_eq!(
        group.expect("a group").name(),
        rustls::NamedGroup::secp384r1
    );
}

#[test]
fn unsupported_tls_settings_are_refused_by_name() {
    let files = Files::new("");
    for (lines, part) in [
        ("  min_version: TLS10\n", "min_version TLS10"),
        ("  max_version: SSL30\n", "max_version SSL30 is unknown"),
        ("  min_version: TLS13\n  max_version: TLS12\n", "newer"),
        (
            "  cipher_suites: [ TLS_RSA_WITH_AES_128_CBC_SHA ]\n",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        ),
        ("  curve_preferences: [ CurveP521 ]\n", "CurveP521"),
        (
            "  client_auth_type: RequireAnyClientCert\n",
            "RequireAnyClientCert",
        ),
        ("  client_auth_type: Always\n", "Always is unknown"),
        (
            "  client_auth_type: VerifyClientCertIfGiven\n",
            "client_ca_file",
        ),
        ("  client_ca_file: ca.pem\n", "no client_auth_type"),
        ("  client_allowed_sans: [ a ]\n", "client_allowed_sans"),
        ("  cert: inline\n", "cert and cert_file"),
        (
            "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: server.key\n",
            "no certificate",
        ),
    ] {
        files.config(lines);
        let error = files.refused();
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    files.write("web.yml", "tls_server_config: { cert_file: server.crt }\n");
    assert!(files.refused().contains("neither key nor key_file"));
    files.write(
        "web.yml",
        "tls_server_config: { cert_file: no.crt, key_file: server.key }\n",
    );
    assert!(files.refused().contains("no.crt"));
    files.write(
        "web.yml",
        "tls_server_config: { cert_file: ca.pem, key_file: server.key }\n",
    );
    assert!(files.refused().contains("cert and key"));
}

#[test]
fn certificates_may_be_inline() {
    let files = Files::new("");
    let (certificate, key) = files.leaf();
    let indented = |pem: String| pem.replace('\n', "\n    ");
    files.write(
        "web.yml",
        &format!(
            "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n",
            indented(certificate),
            indented(key)
        ),
    );
    let server = files.server();
    assert!(files.client().connect(&server).is_ok());
}
