//! Where pod names come from, and what the agent writes about pods.

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::url::{self, Url};

/// Where the daemon gets pod names, and whether it writes Events.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct NameArgs {
    /// Where the names of pods and containers come from, in addition to --cri-endpoint
    #[arg(long, value_name = "SOURCE", default_value = "auto")]
    pub pod_names: PodNames,
    /// The node whose pods are watched
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node_name: Option<String>,
    /// Watch pods through this API server, such as http://127.0.0.1:8001 of `kubectl proxy`,
    /// instead of the cluster's own
    #[arg(long, value_name = "URL", value_parser = server)]
    pub kube_url: Option<Url>,
    /// Write an Event on each pod that leaks zombies or has a process that does not die, for
    /// `kubectl describe pod`; needs permission to create and patch events
    #[arg(long, env = "REAPWATCH_POD_EVENTS", value_parser = BoolishValueParser::new())]
    pub pod_events: bool,
}

impl NameArgs {
    /// The node, if it is named.
    pub fn node(&self) -> Option<&str> {
        self.node_name.as_deref().filter(|node| !node.is_empty())
    }
}

/// A source of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PodNames {
    /// Files, plus the watch if the agent runs in a pod and knows its node
    Auto,
    /// A watch on the pods of this node; needs permission to get, list and watch pods
    Watch,
    /// What kubelet and the runtime leave on disk below --host-root
    Files,
    /// No names, only ids
    None,
}

/// The URL of an API server.
fn server(text: &str) -> Result<Url, String> {
    const FIX: &str = "write http[s]://HOST:PORT, such as http://127.0.0.1:8001";
    let url = url::parse_of("an API server", text, FIX)?;
    match url.user {
        Some(_) => Err(format!(
            "has a user, but no credentials are sent; run `kubectl proxy`, which adds them, and {FIX}"
        )),
        None => Ok(url),
    }
}
