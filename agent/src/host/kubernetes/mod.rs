//! A watch on the pods of this node through the API server, for their names. I/O, on its own
//! thread, which only sends.

mod watch;

use std::{env, thread};

use anyhow::Context as _;
use http_body_util::Limited;
use hyper::{Response, Uri};
use kube::{Config, client::ClientBuilder};
use tokio::runtime;
use tower::util::MapResponseLayer;

use model::workload::pods::News;

/// kube logs each failed request; here, each kind of failure is logged once.
pub const ALSO_TOLD_BY: &str = "kube_client";

/// The largest answer. A node has at most a few hundred pods of some 10 kB; whatever is far larger
/// is not a list of them, and would not fit into the agent's memory.
const MAX_BYTES: usize = 32 << 20;

fn limited<B>(answer: Response<B>) -> Response<Limited<B>> {
    answer.map(|body| Limited::new(body, MAX_BYTES))
}

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
    pub fn watch(self, send: impl Fn(News) -> bool + Send + 'static) -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the watch on pods")?;
        let client = {
            let _inside = runtime.enter();
            let client = ClientBuilder::try_from(self.config);
            let client = client.context("cannot speak to the API server")?;
            client.with_layer(&MapResponseLayer::new(limited)).build()
        };
        thread::Builder::new()
            .name("reapwatch-pods".to_owned())
            .spawn(move || runtime.block_on(watch::follow(client, &self.node, send)))
            .context("cannot start the thread that watches pods")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn an_endless_answer_is_cut_off() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = server.local_addr().expect("it has an address");
        let url = format!("http://{address}").parse().expect("a URL");
        let (to, news) = mpsc::channel();
        Cluster::at(url, "node".to_owned())
            .watch(move |heard| to.send(heard).is_ok())
            .expect("it starts");
        let (mut stream, _) = server.accept().expect("it connects");
        let request = stream.read(&mut [0; 4 << 10]).expect("a request");
        assert!(request > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"items\":[";
        stream.write_all(head.as_bytes()).expect("it is read");
        let mut sent = 0;
        while stream.write_all(&[b' '; 1 << 14]).is_ok() {
            sent += 1 << 14;
            assert!(sent < 4 * MAX_BYTES, "it reads everything");
        }
        let end = news.recv().expect("it gives up");
        assert!(matches!(end, News::Failed(_)));
    }
}
