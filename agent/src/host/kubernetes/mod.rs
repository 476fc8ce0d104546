//! The API server: a watch on the pods of this node for their names, on its own thread, which only
//! sends; and Events on pods. I/O.

mod api;
mod events;
mod watch;

use std::{env, thread};

use anyhow::Context as _;
use tokio::runtime;

use self::api::Server;
pub use self::api::{Failed, remedy};
pub use self::events::{Events, PodEvent};
use crate::cli::{NameArgs, Url};
use model::workload::pods::{Failure, News};

const HOST: &str = "KUBERNETES_SERVICE_HOST";
const PORT: &str = "KUBERNETES_SERVICE_PORT";

/// The server, and the node whose pods are watched.
#[derive(Clone, Debug)]
pub struct Cluster {
    server: Server,
    node: String,
}

impl Cluster {
    /// The server that the options name, otherwise that of the cluster around this pod.
    ///
    /// # Errors
    /// If there is no access to it.
    pub fn of(args: &NameArgs, node: &str) -> anyhow::Result<Self> {
        match &args.kube_url {
            Some(url) => Self::at(url, node.to_owned()),
            None => Self::around(node.to_owned()),
        }
    }

    /// The server at this address, without credentials, such as a proxy that adds them.
    ///
    /// # Errors
    /// If it needs TLS, and this machine trusts no authority.
    fn at(url: &Url, node: String) -> anyhow::Result<Self> {
        let server = Server::at(url)?;
        Ok(Self { server, node })
    }

    /// The server of the cluster around this pod. The token is read again as it rotates.
    ///
    /// # Errors
    /// If the pod has no token or no certificate of the server.
    fn around(node: String) -> anyhow::Result<Self> {
        let set = |name| env::var(name).ok();
        let variable = |name| set(name).with_context(|| format!("{name} is not set"));
        let server = || Server::around(&variable(HOST)?, &variable(PORT)?);
        let server = server().context("no access to the API server")?;
        Ok(Self { server, node })
    }

    /// Whether this is a pod.
    pub fn is_around() -> bool {
        env::var_os(HOST).is_some()
    }

    /// What to do about a failure of the watch.
    pub fn fix(&self, failure: Failure) -> String {
        match failure {
            Failure::Forbidden => format!("{}; the agent's log has the answer", watch::GRANT),
            _ => format!("check {}", self.server.suspicion()),
        }
    }

    /// Watches on its own thread until the receiver is gone.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn watch(self, send: impl Fn(News) -> bool + Send + 'static) -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the watch on pods")?;
        thread::Builder::new()
            .name("reapwatch-pods".to_owned())
            .spawn(move || runtime.block_on(watch::follow(self.server, &self.node, send)))
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

    /// More than an answer may have.
    const MUCH: usize = 128 << 20;

    #[test]
    fn an_endless_answer_is_cut_off() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = server.local_addr().expect("it has an address");
        let url = Url {
            encrypted: false,
            authority: address.to_string(),
            prefix: String::new(),
            user: None,
        };
        let (to, news) = mpsc::channel();
        Cluster::at(&url, "node".to_owned())
            .expect("it needs no authority")
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
            assert!(sent < MUCH, "it reads everything");
        }
        let end = news.recv().expect("it gives up");
        assert!(matches!(end, News::Failed(_)));
    }
}
