//! TLS settings from a web config file, for rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::{file, format};

/// The section `tls_server_config`, checked; its files are not read yet.
pub(super) struct Settings {
    certificate: Pem,
    key: Pem,
    clients: Option<Clients>,
    versions: Vec<&'static SupportedProtocolVersion>,
    provider: Arc<CryptoProvider>,
    own_order: bool,
}

/// Which client certificates are trusted, and whether one is required.
struct Clients {
    authorities: Pem,
    required: bool,
}

/// Text in the config file, or the path of a file.
enum Pem {
    Text(String),
    File(PathBuf),
}

/// The content of the files.
#[derive(PartialEq)]
pub(super) struct Pems {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Option<Vec<u8>>,
}

impl Settings {
    /// Checks a section; `None` if it is empty. `folder` is the base of relative paths.
    pub(super) fn check(section: format::Tls, folder: &Path) -> anyhow::Result<Option<Self>> {
        if section == format::Tls::default() {
            return Ok(None);
        }
        let mut provider = ring::default_provider();
        if let Some(names) = filled(section.cipher_suites) {
            provider.cipher_suites = suites(&provider.cipher_suites, &names)?;
        }
        if let Some(names) = filled(section.curve_preferences) {
            let known = provider.kx_groups;
            let group = |name: &String| {
                let named = curve(name);
                let group = known.iter().find(|group| Some(group.name()) == named);
                group.copied().with_context(|| {
                    format!(
                        "the curve {name} in tls_server_config.curve_preferences is not supported: \
                         choose from X25519, CurveP256 and CurveP384"
                    )
                })
            };
            provider.kx_groups = names.iter().map(group).collect::<anyhow::Result<_>>()?;
        }
        let min = version("min_version", section.min_version.as_deref(), 12)?;
        let max = version("max_version", section.max_version.as_deref(), 13)?;
        ensure!(
            min <= max,
            "tls_server_config.min_version is newer than its max_version"
        );
        let authorities = Pem::of(
            "client_ca",
            section.client_ca,
            section.client_ca_file,
            folder,
        )?;
        let missing = |name| format!("tls_server_config has neither {name} nor {name}_file");
        Ok(Some(Self {
            certificate: Pem::of("cert", section.cert, section.cert_file, folder)?
                .with_context(|| missing("cert"))?,
            key: Pem::of("key", section.key, section.key_file, folder)?
                .with_context(|| missing("key"))?,
            clients: clients(section.client_auth_type.as_deref(), authorities)?,
            versions: [(13, &TLS13), (12, &TLS12)]
                .into_iter()
                .filter_map(|(number, version)| (min..=max).contains(&number).then_some(version))
                .collect(),
            provider: Arc::new(provider),
            own_order: section.prefer_server_cipher_suites.unwrap_or(true),
        }))
    }

    /// Whether a client certificate is required.
    pub(super) fn authenticates(&self) -> bool {
        self.clients
            .as_ref()
            .is_some_and(|clients| clients.required)
    }

    /// Reads the files, which may have changed.
    pub(super) fn read(&self) -> anyhow::Result<Pems> {
        let authorities = self.clients.as_ref().map(|clients| &clients.authorities);
        Ok(Pems {
            certificate: self.certificate.read("cert_file")?,
            key: self.key.read("key_file")?,
            authorities: authorities
                .map(|authorities| authorities.read("client_ca_file"))
                .transpose()?,
        })
    }

    /// The configuration for a handshake.
    pub(super) fn build(&self, pems: &Pems) -> anyhow::Result<Arc<ServerConfig>> {
        let chain = certificates("cert", &pems.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&pems.key)
            .context("the key in tls_server_config is not a readable private key")?;
        let verifier = self.verifier(pems)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .context("tls_server_config leaves no usable protocol version and cipher suite")?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .context("cert and key in tls_server_config do not match")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = self.own_order;
        Ok(Arc::new(config))
    }

    fn verifier(&self, pems: &Pems) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let (Some(clients), Some(authorities)) = (&self.clients, &pems.authorities) else {
            return Ok(WebPkiClientVerifier::no_client_auth());
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("client_ca", authorities)? {
            roots
                .add(certificate)
                .context("the client_ca in tls_server_config is not a certificate authority")?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        );
        let verifier = if clients.required {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        Ok(verifier.build()?)
    }
}

impl Pem {
    /// Empty text counts as absent, as with other exporters.
    fn of(
        name: &str,
        text: Option<String>,
        file: Option<PathBuf>,
        folder: &Path,
    ) -> anyhow::Result<Option<Self>> {
        let text = text.filter(|text| !text.is_empty());
        let file = file.filter(|file| !file.as_os_str().is_empty());
        match (text, file) {
            (Some(_), Some(_)) => {
                bail!("tls_server_config has both {name} and {name}_file; omit one of them")
            }
            (Some(text), None) => Ok(Some(Self::Text(text))),
            (None, Some(file)) => Ok(Some(Self::File(folder.join(file)))),
            (None, None) => Ok(None),
        }
    }

    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => file::read(path).with_context(|| {
                format!(
                    "cannot read {name} {} from tls_server_config",
                    path.display()
                )
            }),
        }
    }
}

fn certificates(name: &str, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.with_context(|| format!("the {name} in tls_server_config is not PEM"))?;
    ensure!(
        !found.is_empty(),
        "the {name} in tls_server_config contains no certificate"
    );
    Ok(found)
}

fn clients(kind: Option<&str>, authorities: Option<Pem>) -> anyhow::Result<Option<Clients>> {
    let required = match kind.unwrap_or_default() {
        "" | "NoClientCert" => {
            ensure!(
                authorities.is_none(),
                "tls_server_config has a client_ca but no client_auth_type that uses it; set \
                 RequireAndVerifyClientCert"
            );
            return Ok(None);
        }
        "RequireAndVerifyClientCert" => true,
        "VerifyClientCertIfGiven" => false,
        unchecked @ ("RequestClientCert" | "RequireClientCert" | "RequireAnyClientCert") => bail!(
            "tls_server_config.client_auth_type {unchecked} would not verify client certificates; \
             set RequireAndVerifyClientCert or VerifyClientCertIfGiven"
        ),
        other => bail!("tls_server_config.client_auth_type {other} is unknown"),
    };
    let authorities = authorities.with_context(|| {
        format!(
            "tls_server_config.client_auth_type {} requires client_ca_file",
            kind.unwrap_or_default()
        )
    })?;
    Ok(Some(Clients {
        authorities,
        required,
    }))
}

/// 12 or 13.
fn version(field: &str, name: Option<&str>, usual: u8) -> anyhow::Result<u8> {
    match name {
        None => Ok(usual),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(old @ ("TLS10" | "TLS11")) => {
            bail!("tls_server_config.{field} {old} is not supported: use TLS12 or TLS13")
        }
        Some(other) => bail!("tls_server_config.{field} {other} is unknown"),
    }
}

/// The suites with these names. As in Go, names for TLS 1.2 do not restrict TLS 1.3, while names
/// only for 1.3 leave none for 1.2.
fn suites(
    known: &[SupportedCipherSuite],
    names: &[String],
) -> anyhow::Result<Vec<SupportedCipherSuite>> {
    let mut found = Vec::new();
    for name in names {
        let suite = known.iter().find(|suite| go_name(suite) == *name);
        found.push(*suite.with_context(|| {
            let all: Vec<_> = known.iter().map(go_name).collect();
            format!(
                "the suite {name} in tls_server_config.cipher_suites is not supported: choose from \
                 {}",
                all.join(", ")
            )
        })?);
    }
    if found.iter().all(|suite| suite.tls13().is_none()) {
        found.extend(known.iter().filter(|suite| suite.tls13().is_some()));
    }
    Ok(found)
}

/// Go uses the standard's names; rustls prefixes those for TLS 1.3.
fn go_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    name.replacen("TLS13_", "TLS_", 1)
}

fn curve(name: &str) -> Option<rustls::NamedGroup> {
    match name {
        "X25519" => Some(rustls::NamedGroup::X25519),
        "CurveP256" => Some(rustls::NamedGroup::secp256r1),
        "CurveP384" => Some(rustls::NamedGroup::secp384r1),
        _ => None,
    }
}

fn filled(names: Option<Vec<String>>) -> Option<Vec<String>> {
    names.filter(|names| !names.is_empty())
}
