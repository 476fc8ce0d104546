//! A real Prometheus that scrapes for as long as something is looked at.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use super::{WANTED, folder};

/// How often it scrapes and evaluates rules.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The server, on a free port of the loopback; it ends with this value.
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// One line of an answer: its labels, and its samples as (Unix time in seconds, value).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Series {
    pub(crate) metric: std::collections::BTreeMap<String, String>,
    /// Of a query over a time.
    #[serde(default, rename = "values")]
    range: Vec<(f64, String)>,
    /// Of a query of now.
    value: Option<(f64, String)>,
}

/// An alert that is pending or fires.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alert {
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
    /// `pending` or `firing`.
    pub(crate) state: String,
}

impl Series {
    /// Its samples, oldest first, without those that are no numbers.
    pub(crate) fn points(&self) -> Vec<(f64, f64)> {
        let samples = self.range.iter().chain(&self.value);
        samples
            .filter_map(|(at, value)| Some((*at, value.parse().ok()?)))
            .filter(|(_, value): &(f64, f64)| value.is_finite())
            .collect()
    }
}

impl Prometheus {
    /// Starts one that scrapes the agent at this address under the job `reapwatch`, with the rules of these files.
    pub(crate) fn start(agent: SocketAddr, rules: &[&Path]) -> Result<Self> {
        let program = folder()
            .with_context(|| format!("missing: {WANTED}; `cargo xtask setup test` brings them"))?
            .join("prometheus");
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let config = folder.path().join("prometheus.json");
        let seconds = format!("{}s", INTERVAL.as_secs());
        let text = serde_json::json!({
            "global": {
                "scrape_interval": seconds,
                "scrape_timeout": seconds,
                "evaluation_interval": seconds,
            },
            "rule_files": rules,
            "scrape_configs": [{
                "job_name": "reapwatch",
                "static_configs": [{"targets": [agent.to_string()]}],
            }],
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

    /// What a query says now.
    pub(crate) fn now(&self, query: &str) -> Result<Vec<Series>> {
        self.ask("query", &[("query", query)])
    }

    /// What it said in the last `length`, at each `step`.
    pub(crate) fn last(
        &self,
        query: &str,
        length: Duration,
        step: Duration,
    ) -> Result<Vec<Series>> {
        let end = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let time = |at: Duration| at.as_secs_f64().to_string();
        let (start, end, step) = (time(end.saturating_sub(length)), time(end), time(step));
        let words = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.ask("query_range", &words)
    }

    /// The alerts that there are now.
    pub(crate) fn alerts(&self) -> Result<Vec<Alert>> {
        #[derive(Deserialize)]
        struct Data {
            alerts: Vec<Alert>,
        }
        Ok(self.get::<Data>("alerts", &[])?.alerts)
    }

    fn ask(&self, what: &str, words: &[(&str, &str)]) -> Result<Vec<Series>> {
        #[derive(Deserialize)]
        struct Data {
            result: Vec<Series>,
        }
        Ok(self.get::<Data>(what, words)?.result)
    }

    fn get<T: DeserializeOwned>(&self, what: &str, words: &[(&str, &str)]) -> Result<T> {
        #[derive(Deserialize)]
        struct Answer<T> {
            data: T,
        }
        let url = format!("http://{}/api/v1/{what}", self.address);
        let request = ureq::get(&url).query_pairs(words.iter().copied());
        let mut answer = request
            .call()
            .with_context(|| format!("ask Prometheus {words:?}"))?;
        let value: Value = answer.body_mut().read_json().context("parse its answer")?;
        let answer: Answer<T> = serde_json::from_value(value).context("understand its answer")?;
        Ok(answer.data)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                bail!("prometheus ended at once ({status})");
            }
            if self.now("vector(1)").is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("prometheus did not answer within a minute")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may be gone already; then both fail, as they may.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address of the loopback that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?)
}
