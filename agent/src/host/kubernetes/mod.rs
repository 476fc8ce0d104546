//! The cluster's API server: a watch on the pods of this node, for their names. I/O, on a thread
//! of its own; it only ever sends.

mod watch;

use std::{env, thread};

use anyhow::Context as _;
use hyper::Uri;
use kube::{Client, Config};
use tokio::runtime;

use model::workload::pods::News;

/// Who logs each failed request, whatever the caller makes of it: here, each kind is said once.
pub const ALSO_TOLD_BY: &str = "kube_client";

/// Which server is asked for the pods of which node.
#[derive(Clone, Debug)]
pub struct Cluster {
    config: Config,
    node: String,
}

impl Cluster {
    /// The server at this address, without credentials: a proxy that has some.
    pub fn at(url: Uri, node: String) -> Self {
        let config = Config::new(url);
        Self { config, node }
    }

    /// The server of the cluster that this is a pod of. It reads the token again as that rotates.
    ///
    /// # Errors
    /// When the pod has no token or no certificate of the server.
    pub fn around(node: String) -> anyhow::Result<Self> {
        let config = Config::incluster().context("no access to the API server")?;
        Ok(Self { config, node })
    }

    /// Whether this is a pod.
    pub fn is_around() -> bool {
        env::var_os("KUBERNETES_SERVICE_HOST").is_some()
    }

    /// Watches on a thread of its own, until nobody listens.
    ///
    /// # Errors
    /// When the certificate cannot be used, or no thread be had.
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
