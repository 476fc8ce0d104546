//! A watch on the pods of this node through the API server, for their names. I/O, on its own
//! thread, which only sends.

mod watch;

use std::{env, thread};

use anyhow::Context as _;
use hyper::Uri;
use kube::{Client, Config};
use tokio::runtime;

use model::workload::pods::News;

/// kube logs each failed request; here, each kind of failure is logged once.
pub const ALSO_TOLD_BY: &str = "kube_client";

/// The server, and the node whose pods are watched.
#[derive(Clone, Debug)]
pub struct Cluster {
    config: Config,
    node: String,
}

impl Cluster {
    /// The server at this address, without credentials, such as a proxy that adds them.
    pub fn at(url: Uri, node: String) -> Self {
        let config = Config::new(url);
        Self { config, node }
    }

    /// The server of the cluster around this pod. The token is read again as it rotates.
    ///
    /// # Errors
    /// If the pod has no token or no certificate of the server.
    pub fn around(node: String) -> anyhow::Result<Self> {
        let config = Config::incluster().context("no access to the API server")?;
        Ok(Self { config, node })
    }

    /// Whether this is a pod.
    pub fn is_around() -> bool {
        env::var_os("KUBERNETES_SERVICE_HOST").is_some()
    }

    /// Watches on its own thread until the receiver is gone.
    ///
    /// # Errors
    /// If the certificate cannot be used, or the thread cannot be started.
    pub fn watch(self, tell: impl Fn(News) -> bool + Send + 'static) -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the watch on pods")?;
        let client = {
            let _inside = runtime.enter();
            Client::try_from(self.config).context("cannot speak to the API server")?
        };
        thread::Builder::new()
            .name("reapwatch-pods".to_owned())
            .spawn(move || runtime.block_on(watch::follow(client, &self.node, tell)))
            .context("cannot start the thread that watches pods")?;
        Ok(())
    }
}
