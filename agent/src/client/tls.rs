//! TLS to an agent: which certificates are trusted, and what an error means.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
};
use tokio_rustls::TlsConnector;

/// Which certificates a command trusts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust<'a> {
    /// Those signed by an authority that this machine trusts.
    System,
    /// Those signed by an authority in a file.
    File(&'a Path),
    /// All.
    Anybody,
}

/// A TLS connector for this trust.
pub(super) fn connector(trust: Trust<'_>) -> anyhow::Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => believe(system()?, &provider)?,
        Trust::File(path) => believe(file(path)?, &provider)?,
        Trust::Anybody => Arc::new(Unchecked(Arc::clone(&provider))),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn believe(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ServerCertVerifier>> {
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(verifier.build()?)
}

fn system() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (known, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(
        known > 0,
        "this machine has no trusted certificate authorities; install ca-certificates or use \
         --ca-file"
    );
    Ok(roots)
}

fn file(path: &Path) -> anyhow::Result<RootCertStore> {
    let bad = || format!("cannot read certificates from {}", path.display());
    let pem = std::fs::read(path).with_context(bad)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| anyhow!("not a PEM file: {error}"));
        let added = certificate.and_then(|it| roots.add(it).map_err(Into::into));
        added.with_context(bad)?;
    }
    ensure!(!roots.is_empty(), "{}: it contains no certificate", bad());
    Ok(roots)
}

/// Explains a TLS failure; other errors are returned unchanged. `trust` says how to trust another
/// authority.
pub fn explain(error: anyhow::Error, trust: &str) -> anyhow::Error {
    let Some(tls) = error.chain().find_map(tls_error) else {
        return error;
    };
    let meaning = match tls {
        // `BadSignature` means an authority with the right name but another key.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => format!("its certificate is signed by an unknown authority; {trust}"),
        Error::InvalidCertificate(error) => {
            format!("its certificate is invalid: {error}")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS; use http://".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it requires a client certificate, which this command cannot send; use the agent's \
             Unix socket"
                .to_owned()
        }
        other => format!("the TLS handshake failed: {other}"),
    };
    anyhow!(meaning)
}

/// It is inside an I/O error that does not return it as its source.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let inside = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    error
        .downcast_ref()
        .or_else(|| inside.and_then(|inside| inside.downcast_ref()))
}

/// Skips certificate verification, but checks that the server has the certificate's key.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
