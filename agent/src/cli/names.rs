//! Options on where names of pods come from.

use clap::{Args, ValueEnum};

/// Where the daemon has the names of pods from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Names of pods")]
pub struct NameArgs {
    /// Where the names of pods and containers come from, beside --cri-endpoint
    #[arg(long, value_name = "SOURCE", default_value = "auto")]
    pub pod_names: PodNames,
    /// The node whose pods are watched
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node_name: Option<String>,
    /// Watch pods at this API server, such as http://127.0.0.1:8001 of `kubectl proxy`, instead of
    /// the one of the cluster around
    #[arg(long, value_name = "URL")]
    pub kube_url: Option<hyper::Uri>,
}

/// A source of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PodNames {
    /// Files, and in a pod that knows its node the watch too
    Auto,
    /// A watch on the pods of this node; needs the rights to get, list and watch pods
    Watch,
    /// What kubelet and runtimes leave on disk below --host-root
    Files,
    /// None: ids only
    None,
}
