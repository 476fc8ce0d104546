//! The agent as a pod, and its answers.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::containerd::Containerd;
use super::daemon_set::{Node, pod};
use super::pods::{Pod, logs};
use super::stop::until;
use crate::prometheus::server::free_address;

/// The QoS class of a pod with requests below its limits.
const CLASS: &str = "burstable";
const LONG: Duration = Duration::from_secs(60);

/// Removed on drop.
pub(super) struct Agent<'a> {
    containerd: &'a Containerd,
    pod: Pod<'a>,
    container: String,
    pub(super) address: SocketAddr,
    /// How many capabilities its DaemonSet gives it.
    capabilities: u32,
}

impl<'a> Agent<'a> {
    /// Starts it and waits until its readiness probe would succeed.
    pub(super) fn start(containerd: &'a Containerd) -> Result<Self> {
        let node = Node {
            logs: logs(containerd)?,
            volumes: containerd.folder().join("volumes"),
            listen: free_address()?,
            cri: None,
        };
        Self::start_on(containerd, "reapwatch-node", &node)
    }

    /// The same on a node without files with names, so that only the runtime has them.
    pub(super) fn start_asking(containerd: &'a Containerd) -> Result<Self> {
        let logs = containerd.folder().join("no-logs");
        fs::create_dir_all(&logs).context("make an empty folder")?;
        let node = Node {
            logs,
            volumes: containerd.folder().join("volumes-asking"),
            listen: free_address()?,
            cri: Some(containerd.socket()),
        };
        Self::start_on(containerd, "reapwatch-asking", &node)
    }

    fn start_on(containerd: &'a Containerd, name: &str, node: &Node) -> Result<Self> {
        let (pids, config) = pod(node)?;
        let security = config.linux.as_ref();
        let security = security.and_then(|linux| linux.security_context.as_ref());
        let capabilities = security.and_then(|security| security.capabilities.as_ref());
        let capabilities = capabilities.map_or(0, |them| them.add.len() as u32);
        let pod = Pod::start_in(containerd, "reapwatch", name, pids, CLASS)?;
        let container = pod.run(config)?;
        let agent = Self {
            containerd,
            pod,
            container,
            address: node.listen,
            capabilities,
        };
        let ready = || Ok(agent.get("/readyz").ok().map(drop));
        until("the agent's /readyz", LONG, ready).with_context(|| agent.pod.log("agent"))?;
        Ok(agent)
    }

    /// The body of its answer over HTTP.
    pub(super) fn get(&self, path: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.address);
        let mut answer = ureq::get(&url)
            .call()
            .with_context(|| format!("get {url}"))?;
        answer
            .body_mut()
            .read_to_string()
            .context("read its answer")
    }

    /// The output of a view inside its container, where it finds the socket.
    pub(super) fn view(&self, words: &[&str]) -> Result<String> {
        let command: Vec<_> = ["/reapwatch"].iter().chain(words).copied().collect();
        self.containerd.cri().exec(&self.container, &command)
    }

    /// The culprit that matches.
    pub(super) fn culprit(&self, is: impl Fn(&Value) -> bool) -> Result<Option<Value>> {
        let body = self.get("/api/v1/culprits")?;
        let mut document: Value = serde_json::from_str(&body).context("parse culprits")?;
        let items = document["items"]
            .as_array_mut()
            .context("it has no items")?;
        Ok(items.iter_mut().find(|item| is(item)).map(Value::take))
    }

    /// Its privileges in one line, which must be those of its DaemonSet.
    pub(super) fn privileges(&self) -> Result<String> {
        let status = self.status()?;
        let field = |name: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
            line.with_context(|| format!("its status has no {name}"))
        };
        let bits = |name| anyhow::Ok(u64::from_str_radix(field(name)?, 16)?.count_ones());
        let (may, has) = (bits("CapBnd")?, bits("CapEff")?);
        ensure!(may == self.capabilities, "it may have {may} capabilities");
        ensure!(field("NoNewPrivs")? == "1", "it may gain privileges");
        ensure!(field("Seccomp")? == "2", "it has no seccomp filter");
        Ok(format!(
            "{may} capabilities given, {has} kept, no new privileges, seccomp"
        ))
    }

    fn status(&self) -> Result<String> {
        for entry in fs::read_dir("/proc")?.flatten() {
            let read = |file| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            if read("cgroup").contains(&self.container) && read("comm") == "reapwatch\n" {
                return Ok(read("status"));
            }
        }
        Err(anyhow::anyhow!(self.pod.log("agent"))).context("its process is not found")
    }
}

/// The sum of all series of a metric that have all these labels; `None` when there is none.
pub(super) fn metric(page: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let lines = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        let (own, value) = rest.rsplit_once("} ")?;
        let has = |(name, value): &(&str, &str)| own.contains(&format!("{name}=\"{value}\""));
        labels.iter().all(has).then(|| value.parse::<f64>().ok())?
    });
    lines.reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_all_that_have_the_labels() {
        let page = "x{a=\"1\",b=\"1\"} 2\nx{a=\"1\",b=\"2\"} 3\nx_y{a=\"1\"} 5\nx{a=\"2\"} 7\n";
        assert_eq!(metric(page, "x", &[("a", "1")]), Some(5.0));
        assert_eq!(metric(page, "x", &[("a", "3")]), None);
    }
}
