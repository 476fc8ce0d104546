//! The response headers that a web config file may add.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The headers that exporters accept, with their allowed values if limited.
const KNOWN: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Checks the headers.
pub(super) fn check(wanted: &BTreeMap<String, String>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        let (_, values) = KNOWN
            .iter()
            .find(|(known, _)| known == name)
            .with_context(|| {
                let known = KNOWN.map(|(name, _)| name).join(", ");
                format!("http_server_config.headers cannot set {name}, only {known}")
            })?;
        ensure!(
            values.is_empty() || values.iter().any(|known| known.eq_ignore_ascii_case(value)),
            "http_server_config.headers cannot set {name} to {value:?}, only to {}",
            values.join(" or ")
        );
        let value = HeaderValue::from_str(value).with_context(|| {
            format!("http_server_config.headers has an invalid value for {name}")
        })?;
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    Ok(headers)
}
