//! A remote agent's URL, with what it takes to ask there.

use std::fmt;
use std::fs;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio_rustls::TlsConnector;

use super::tls::{self, Trust};
use crate::cli::{Url, ViewArgs};

/// Where the password may be, so that it stands in no list of processes.
const PASSWORD: &str = "REAPWATCH_PASSWORD";

/// A remote agent.
#[derive(Clone)]
pub struct Web {
    /// Where it listens.
    pub url: Url,
    /// What speaks TLS, where that is spoken.
    pub tls: Option<TlsConnector>,
    /// Who asks.
    pub authorization: Option<HeaderValue>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.url, f)
    }
}

impl Web {
    /// A server that the system trusts; nobody asks yet.
    pub fn anonymous(url: &Url) -> anyhow::Result<Self> {
        let encrypted = url.encrypted.then(|| tls::connector(Trust::System));
        Ok(Self {
            tls: encrypted.transpose()?,
            authorization: None,
            url: url.clone(),
        })
    }

    /// Reads what the options name beside the URL.
    pub(super) fn new(url: &Url, view: &ViewArgs) -> anyhow::Result<Self> {
        let trust = match &view.ca_file {
            Some(file) => Trust::File(file),
            None if view.insecure => Trust::Anybody,
            None => Trust::System,
        };
        if !url.encrypted && !matches!(trust, Trust::System) {
            bail!("--ca-file and --insecure are about TLS: write https:// in --url");
        }
        Ok(Self {
            tls: url.encrypted.then(|| tls::connector(trust)).transpose()?,
            authorization: authorization(url, view)?,
            url: url.clone(),
        })
    }
}

fn authorization(url: &Url, view: &ViewArgs) -> anyhow::Result<Option<HeaderValue>> {
    let Some(user) = &url.user else {
        if view.password_file.is_some() {
            bail!(
                "--password-file is the password of nobody: name the user, as in https://USER@HOST"
            );
        }
        return Ok(None);
    };
    let password = match (&user.password, &view.password_file) {
        (Some(_), Some(_)) => bail!("--url has a password and --password-file another: give one"),
        (Some(password), None) => password.clone(),
        (None, Some(file)) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read --password-file {}", file.display()))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (None, None) => std::env::var(PASSWORD).with_context(|| {
            format!(
                "--url names the user {:?} and no password: give it with --password-file or in \
                 {PASSWORD}",
                user.name
            )
        })?,
    };
    basic(&user.name, &password).map(Some)
}

/// User and password, as HTTP sends them.
pub fn basic(name: &str, password: &str) -> anyhow::Result<HeaderValue> {
    secret(&format!(
        "Basic {}",
        STANDARD.encode(format!("{name}:{password}"))
    ))
}

/// A token, as HTTP sends it.
pub fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    secret(&format!("Bearer {token}"))
}

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .context("what identifies you has characters that HTTP cannot send")?;
    value.set_sensitive(true);
    Ok(value)
}
