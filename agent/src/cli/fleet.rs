//! Options for views of a whole cluster.

use std::path::PathBuf;

use clap::Args;

use super::url::{self, Url};

/// Which Prometheus a view asks instead of an agent.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A whole cluster")]
pub struct FleetArgs {
    /// Show the nodes and workloads of all agents that this Prometheus scrapes
    #[arg(long, value_name = "http[s]://[USER:PASSWORD@]HOST:PORT", value_parser = prometheus,
          conflicts_with_all = ["url", "socket", "password_file"])]
    pub prometheus: Option<Url>,
    /// File with a bearer token, read before each query
    #[arg(long, value_name = "PATH", requires = "prometheus")]
    pub prometheus_token_file: Option<PathBuf>,
}

/// The URL of a Prometheus.
fn prometheus(text: &str) -> Result<Url, String> {
    const FIX: &str = "write http[s]://HOST:PORT, such as http://prometheus:9090";
    // People copy the URL of a page from their browser.
    let text = text.trim_end_matches('/');
    let pages = ["/graph", "/query", "/targets"];
    let base = pages.iter().find_map(|page| text.strip_suffix(page));
    let url = url::parse_of("a Prometheus", base.unwrap_or(text), FIX)?;
    match &url.user {
        Some(user) if user.password.is_none() => {
            Err("has a user without a password; write USER:PASSWORD@".to_owned())
        }
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prometheus_url_with_a_user_does_not_show_the_password() {
        let it = prometheus("http://ann:s%40c:ret@prom:9090/prom/graph").expect("a URL");
        assert_eq!(it.to_string(), "http://prom:9090/prom");
        let user = it.user.as_ref().expect("it names one");
        assert_eq!(
            (&*user.name, user.password.as_deref()),
            ("ann", Some("s@c:ret"))
        );
        assert!(!format!("{it:?}").contains("ret"));
        let it = prometheus("http://prom").expect("a URL");
        assert_eq!((it.to_string().as_str(), it.user), ("http://prom:80", None));
        for (bad, part) in [
            ("prom:9090", "such as http://prometheus:9090"),
            ("ftp://prom", "such as http://prometheus:9090"),
            ("http://", "such as http://prometheus:9090"),
            ("http://ann@prom", "without a password"),
            ("http://ann:%4@prom", "% escape"),
            ("http://prom:99999", "no valid port"),
            ("http://prom?x=1", "query string"),
        ] {
            let error = prometheus(bad).expect_err(bad);
            assert!(error.contains(part), "{bad}: {error}");
        }
    }
}
