//! Options of views that show a whole cluster.

use std::path::PathBuf;

use clap::Args;

use super::values::{self, Url};

/// Which Prometheus a view asks, in place of an agent.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A whole cluster")]
pub struct FleetArgs {
    /// Show nodes and workloads of all agents that this Prometheus scrapes
    #[arg(long, value_name = "http://[USER:PASSWORD@]HOST:PORT", value_parser = prometheus,
          conflicts_with_all = ["url", "socket"])]
    pub prometheus: Option<PrometheusUrl>,
    /// Send the bearer token in this file; it is read before each question
    #[arg(long, value_name = "PATH", requires = "prometheus")]
    pub prometheus_token_file: Option<PathBuf>,
}

/// Where a Prometheus listens, and as whom to ask it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrometheusUrl {
    /// Where.
    pub url: Url,
    /// User and password.
    pub user: Option<(String, String)>,
}

impl std::fmt::Debug for PrometheusUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A password is in no log.
        self.url.fmt(f)
    }
}

/// The URL of a Prometheus.
fn prometheus(text: &str) -> Result<PrometheusUrl, String> {
    const MEND: &str = "write http://HOST:PORT, such as http://prometheus:9090";
    let bad = || format!("not the URL of a Prometheus; {MEND}");
    let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let user = match user.map(|user| user.split_once(':')) {
        None => None,
        Some(None) => return Err("names a user without a password; write USER:PASSWORD@".into()),
        Some(Some((user, password))) => {
            let decoded = decode(user).zip(decode(password));
            Some(decoded.ok_or("has a `%` before what is no byte in hex; write %25 for it")?)
        }
    };
    // Its pages are what people copy from their browsers.
    let path = path.trim_end_matches('/');
    let path = ["/graph", "/query", "/targets"]
        .iter()
        .find_map(|page| path.strip_suffix(page))
        .unwrap_or(path);
    let url = values::url(&format!("{scheme}://{host}{path}"));
    let url = match (url, scheme) {
        (Err(refused), "https") => return Err(refused),
        (url, _) => url.map_err(|_| bad())?,
    };
    Ok(PrometheusUrl { url, user })
}

/// Text in which `%3A` stands for a colon.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            (digit(rest.next())? << 4 | digit(rest.next())?) as u8
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_may_name_who_asks_and_never_show_the_password() {
        let it = prometheus("http://ann:s%40c:ret@prom:9090/prom/graph").expect("a URL");
        assert_eq!(it.url.to_string(), "http://prom:9090/prom");
        assert_eq!(it.user, Some(("ann".into(), "s@c:ret".into())));
        assert!(!format!("{it:?}").contains("ret"));
        let it = prometheus("http://prom").expect("a URL");
        assert_eq!(
            (it.url.to_string().as_str(), it.user),
            ("http://prom:80", None)
        );
        for (bad, part) in [
            ("prom:9090", "such as http://prometheus:9090"),
            ("ftp://prom", "such as http://prometheus:9090"),
            ("http://", "such as http://prometheus:9090"),
            ("http://ann@prom", "without a password"),
            ("http://ann:%4@prom", "%25"),
        ] {
            let error = prometheus(bad).expect_err(bad);
            assert!(error.contains(part), "{bad}: {error}");
        }
    }
}
