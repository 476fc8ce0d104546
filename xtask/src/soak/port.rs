//! The agent's port, with TLS, and a client of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, CertifiedKey, DistinguishedName, DnType, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::prometheus::server::free_address;

/// The name in the certificates.
const NAME: &str = "localhost";
/// As long as Prometheus waits by default.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Port {
    address: SocketAddr,
    folder: TempDir,
}

impl Port {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let port = Self {
            address: free_address()?,
            folder,
        };
        port.write(
            "web.yml",
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n",
        )?;
        port.install(&certificate("first")?)?;
        Ok(port)
    }

    /// What tells the agent to serve it.
    pub(super) fn options(&self) -> [String; 4] {
        let web = self.folder.path().join("web.yml");
        let (listen, web) = (self.address.to_string(), web.display().to_string());
        ["--listen".into(), listen, "--web.config.file".into(), web]
    }

    /// Replaces the certificate, and then its key: for a moment, they do not match.
    pub(super) fn install(&self, new: &CertifiedKey<KeyPair>) -> Result<()> {
        self.write("server.crt", &new.cert.pem())?;
        self.write("server.key", &new.signing_key.serialize_pem())
    }

    /// A page of metrics over a new connection, whose certificate must be among these.
    pub(super) fn scrape(&self, trusted: &[CertificateDer<'static>]) -> Result<String> {
        let mut stream = self.connect(trusted)?;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .context("ask for metrics")?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .context("read the metrics")?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer:.80}");
        Ok(answer)
    }

    /// A connection after its handshake.
    fn connect(
        &self,
        trusted: &[CertificateDer<'static>],
    ) -> Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        for certificate in trusted {
            roots.add(certificate.clone())?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(self.address).context("connect to the agent's port")?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let name = ServerName::try_from(NAME)?;
        let connection = ClientConnection::new(Arc::new(config), name)?;
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).context("TLS")?;
        }
        Ok(stream)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.folder.path().join(name);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    }
}

/// A new certificate and its key. Each needs a subject of its own, by which clients find it among
/// those that they trust.
pub(super) fn certificate(subject: &str) -> Result<CertifiedKey<KeyPair>> {
    let signing_key = KeyPair::generate().context("make a key")?;
    let mut params = CertificateParams::new([NAME.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, subject.to_owned());
    let cert = params
        .self_signed(&signing_key)
        .context("sign a certificate")?;
    Ok(CertifiedKey { cert, signing_key })
}
