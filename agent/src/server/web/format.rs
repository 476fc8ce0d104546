//! The fields of a web config file, as Prometheus exporters define them.
//!
//! <https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) tls_server_config: Option<Tls>,
    pub(super) http_server_config: Option<Http>,
    /// User names with their bcrypt-hashed passwords.
    pub(super) basic_auth_users: Option<BTreeMap<String, String>>,
    rate_limit: Option<IgnoredAny>,
}

/// TLS settings.
#[derive(Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) cert: Option<String>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) key: Option<String>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) client_ca: Option<String>,
    pub(super) client_ca_file: Option<PathBuf>,
    pub(super) client_auth_type: Option<String>,
    client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Option<Vec<String>>,
    pub(super) curve_preferences: Option<Vec<String>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

// It may contain the key itself.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// HTTP settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    http2: Option<bool>,
    pub(super) headers: Option<BTreeMap<String, String>>,
}

impl File {
    /// Parses a file, and rejects options that the agent does not support.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Option<Self> = serde_saphyr::from_str(text).map_err(|error| {
            // Only one line, without the surrounding text, which may be a secret.
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default();
            anyhow::anyhow!("invalid web config: {message}")
        })?;
        let file = file.unwrap_or_default();
        if file.rate_limit.is_some() {
            bail!("rate_limit is not supported; remove it");
        }
        if let Some(http) = &file.http_server_config
            && http.http2 == Some(true)
        {
            bail!("http_server_config.http2 must be false: the agent speaks only HTTP/1.1");
        }
        if let Some(tls) = &file.tls_server_config
            && tls.client_allowed_sans.is_some()
        {
            bail!(
                "tls_server_config.client_allowed_sans is not supported; use a client_ca_file \
                 whose authority certifies only the allowed clients"
            );
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        let error = File::parse(text).expect_err("it is refused").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn unsupported_settings_are_named() {
        for (text, part) in [
            ("rate_limit: { interval: 1s, burst: 20 }", "rate_limit"),
            ("http_server_config: { http2: true }", "http2"),
            (
                "tls_server_config: { client_allowed_sans: [a] }",
                "client_allowed_sans",
            ),
            ("tls_server_config: { cert_fil: a }", "cert_fil"),
            ("basic_auth_user: { a: b }", "basic_auth_user"),
            ("basic_auth_users: [ a ]", "line 1"),
            ("basic_auth_users: { a: b, a: c }", "duplicate"),
            ("tls_server_config: [", "line 1"),
        ] {
            let error = refused(text);
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }

    #[test]
    fn an_empty_file_is_valid() {
        for text in [
            "",
            "# nothing\n",
            "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
            "http_server_config: { http2: false }",
        ] {
            let file = File::parse(text).expect("it is right");
            assert!(file.tls_server_config.is_none() && file.basic_auth_users.is_none());
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let file = File::parse("tls_server_config: { key: secret }").expect("it is right");
        assert!(!format!("{file:?}").contains("secret"));
    }
}
