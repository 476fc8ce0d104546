//! The URL of a remote agent or another server, with its trust and credentials.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio_rustls::TlsConnector;

use super::tls::{self, Trust};
use crate::cli::{Url, ViewArgs};

/// Environment variable for the password, so that it does not appear in process listings.
const PASSWORD: &str = "REAPWATCH_PASSWORD";

/// A remote agent.
#[derive(Clone)]
pub struct Web {
    /// Its address.
    pub url: Url,
    /// The TLS connector, if the URL uses TLS.
    pub tls: Option<TlsConnector>,
    /// The Authorization header.
    pub authorization: Option<HeaderValue>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.url, f)
    }
}

impl Web {
    /// A server with the system's trust and no credentials.
    pub fn anonymous(url: &Url) -> anyhow::Result<Self> {
        let encrypted = url.encrypted.then(|| tls::connector(Trust::System));
        Ok(Self {
            tls: encrypted.transpose()?,
            authorization: None,
            url: url.clone(),
        })
    }

    /// A server whose certificate an authority in this file signs, without credentials.
    pub fn certified(url: Url, authority: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            tls: Some(tls::connector(Trust::File(authority))?),
            authorization: None,
            url,
        })
    }

    /// Reads the options that belong to --url.
    pub(super) fn new(url: &Url, view: &ViewArgs) -> anyhow::Result<Self> {
        let mut web = Self::trusting(url, view)?;
        web.authorization = authorization(url, view)?;
        Ok(web)
    }

    /// A server with the trust that the options name, and no credentials.
    pub fn trusting(url: &Url, view: &ViewArgs) -> anyhow::Result<Self> {
        let (trust, option) = match &view.ca_file {
            Some(file) => (Trust::File(file), "--ca-file"),
            None if view.insecure => (Trust::Anybody, "--insecure"),
            None => return Self::anonymous(url),
        };
        if !url.encrypted {
            bail!("{option} requires TLS; use https:// in the URL");
        }
        Ok(Self {
            tls: Some(tls::connector(trust).context(option)?),
            authorization: None,
            url: url.clone(),
        })
    }
}

fn authorization(url: &Url, view: &ViewArgs) -> anyhow::Result<Option<HeaderValue>> {
    let Some(user) = &url.user else {
        if view.password_file.is_some() {
            bail!("--password-file requires a user; name it, as in https://USER@HOST");
        }
        return Ok(None);
    };
    let password = match (&user.password, &view.password_file) {
        (Some(_), Some(_)) => bail!(
            "both --url and --password-file give a password; omit one of \
                                     them"
        ),
        (Some(password), None) => password.clone(),
        (None, Some(file)) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read --password-file {}", file.display()))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (None, None) => std::env::var(PASSWORD).ok().with_context(|| {
            format!(
                "--url names the user {:?} but no password; pass it with --password-file or in \
                 {PASSWORD}",
                user.name
            )
        })?,
    };
    basic(&user.name, &password).map(Some)
}

/// User and password as an HTTP header.
pub fn basic(name: &str, password: &str) -> anyhow::Result<HeaderValue> {
    let value = STANDARD.encode(format!("{name}:{password}"));
    secret(&format!("Basic {value}")).context("the user or password cannot be sent")
}

/// The token in a file as an HTTP header. Tokens rotate, so it is read for each request.
pub fn bearer(file: &Path) -> anyhow::Result<HeaderValue> {
    let name = file.display();
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read the token in {name}"))?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [token] => secret(&format!("Bearer {token}"))
            .with_context(|| format!("the token in {name} has characters that HTTP cannot send")),
        [] => bail!("{name} is empty; write a token into it"),
        _ => bail!("{name} has more than a token; write only the token into it"),
    }
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
