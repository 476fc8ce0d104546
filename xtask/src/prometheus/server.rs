//! A real Prometheus that scrapes an agent for the length of a test.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use super::{WANTED, folder};

/// A server on a free port of the loopback interface, stopped on drop.
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// An alert that is pending or firing.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alert {
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
    /// `pending` or `firing`.
    pub(crate) state: String,
}

impl Prometheus {
    /// Starts a server that scrapes the agent at this address every second, under the job
    /// `reapwatch`, and evaluates the rules of these files.
    pub(crate) fn start(agent: SocketAddr, rules: &[&Path]) -> Result<Self> {
        let scraped = serde_json::json!([{
            "job_name": "reapwatch",
            "static_configs": [{"targets": [agent.to_string()]}],
        }]);
        Self::start_with(&scraped, rules)
    }

    /// The same with these `scrape_configs`.
    pub(crate) fn start_with(scraped: &Value, rules: &[&Path]) -> Result<Self> {
        let program = folder()
            .with_context(|| format!("missing: {WANTED}; `cargo xtask setup test` installs them"))?
            .join("prometheus");
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let config = folder.path().join("prometheus.json");
        let text = serde_json::json!({
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": rules,
            "scrape_configs": scraped,
        });
        fs::write(&config, text.to_string()).context("write Prometheus' configuration")?;
        let address = free_address()?;
        let process = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn()
            .context("run prometheus")?;
        let mut server = Self {
            process,
            address,
            _folder: folder,
        };
        server.wait()?;
        Ok(server)
    }

    /// Whether a query returns at least one number now.
    pub(crate) fn has_data(&self, query: &str) -> Result<bool> {
        Ok(self.number(query)?.is_some())
    }

    /// The first number that a query returns now.
    pub(crate) fn number(&self, query: &str) -> Result<Option<f64>> {
        #[derive(Deserialize)]
        struct Data {
            result: Vec<Series>,
        }
        #[derive(Deserialize)]
        struct Series {
            /// Unix time and value.
            value: (f64, String),
        }
        let data: Data = self.get("query", query)?;
        let mut numbers = data.result.iter().filter_map(|it| it.value.1.parse().ok());
        Ok(numbers.find(|number: &f64| number.is_finite()))
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The syntax tree of a query.
    pub(crate) fn parse(&self, query: &str) -> Result<Value> {
        self.get("parse_query", query)
    }

    /// The alerts that are pending or firing now.
    pub(crate) fn alerts(&self) -> Result<Vec<Alert>> {
        #[derive(Deserialize)]
        struct Data {
            alerts: Vec<Alert>,
        }
        Ok(self.get::<Data>("alerts", "")?.alerts)
    }

    fn get<T: DeserializeOwned>(&self, endpoint: &str, query: &str) -> Result<T> {
        #[derive(Deserialize)]
        struct Answer<T> {
            data: T,
        }
        let url = format!("http://{}/api/v1/{endpoint}", self.address);
        let request = ureq::get(&url).query("query", query);
        let mut answer = request
            .call()
            .with_context(|| format!("ask Prometheus for {endpoint} {query}"))?;
        let answer: Answer<T> = answer
            .body_mut()
            .read_json()
            .context("parse the answer of Prometheus")?;
        Ok(answer.data)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                bail!("prometheus exited ({status})");
            }
            if self.has_data("vector(1)").is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("prometheus did not answer within a minute")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An unused address of the loopback interface.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?)
}
