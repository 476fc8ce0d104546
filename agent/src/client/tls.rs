//! TLS to an agent: whose certificates are believed, and what a failure means.

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

/// Whose certificates a command believes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust<'a> {
    /// Those of the authorities that this machine knows.
    System,
    /// Those of the authorities in a file, and no others.
    File(&'a Path),
    /// Anybody's.
    Anybody,
}

/// What speaks TLS by this trust.
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
        "this machine knows no authority for certificates: install ca-certificates or give \
         --ca-file"
    );
    Ok(roots)
}

fn file(path: &Path) -> anyhow::Result<RootCertStore> {
    let bad = || format!("cannot use --ca-file {}", path.display());
    let pem = std::fs::read(path).with_context(bad)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| anyhow!("it is no PEM: {error}"));
        let added = certificate.and_then(|it| roots.add(it).map_err(Into::into));
        added.with_context(bad)?;
    }
    ensure!(!roots.is_empty(), "{}: it holds no certificate", bad());
    Ok(roots)
}

/// What a failure of TLS means to who asked; any other error stays as it is.
pub(super) fn explain(error: anyhow::Error) -> anyhow::Error {
    let Some(tls) = error.chain().find_map(tls_error) else {
        return error;
    };
    let meaning = match tls {
        // The latter is one of the right name, with another key.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "nobody whom this command believes made its certificate: name its authority's file \
             with --ca-file"
            .to_owned(),
        Error::InvalidCertificate(error) => {
            format!("its certificate is not to be believed: {error}")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "no TLS is spoken there: ask it with http://".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a certificate of its clients, which this command has not: ask it through \
             its Unix socket"
                .to_owned()
        }
        other => format!("no TLS came about: {other}"),
    };
    anyhow!(meaning)
}

/// It sits inside an error of I/O, which does not name it as its source.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let inside = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    error
        .downcast_ref()
        .or_else(|| inside.and_then(|inside| inside.downcast_ref()))
}

/// Checks no certificate, only that the other side has its key.
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
