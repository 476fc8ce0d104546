//! The container runtime's interface, version 1, as far as we use it: the protocol between kubelet
//! and containerd. Numbers of fields are those of
//! <https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto>.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_prost::ProstCodec;

/// The namespaces of a process, in `NamespaceOption`.
pub(super) mod mode {
    /// Those of its pod.
    pub(in super::super) const POD: i32 = 0;
    /// Its own.
    pub(in super::super) const CONTAINER: i32 = 1;
    /// Those of the node.
    pub(in super::super) const NODE: i32 = 2;
}

/// Timeout of a call.
const PATIENCE: Duration = Duration::from_secs(60);
/// Timeout of a probe in seconds.
const PROBE_SECONDS: i64 = 30;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sandbox {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<SandboxMetadata>,
    #[prost(string, tag = "3")]
    pub(super) log_directory: String,
    #[prost(message, optional, tag = "8")]
    pub(super) linux: Option<LinuxSandbox>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxSandbox {
    #[prost(string, tag = "1")]
    pub(super) cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    pub(super) security_context: Option<SandboxSecurity>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxSecurity {
    #[prost(message, optional, tag = "1")]
    pub(super) namespaces: Option<Namespaces>,
    #[prost(message, optional, tag = "9")]
    pub(super) seccomp: Option<Profile>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Namespaces {
    #[prost(int32, tag = "1")]
    pub(super) network: i32,
    #[prost(int32, tag = "2")]
    pub(super) pid: i32,
    #[prost(int32, tag = "3")]
    pub(super) ipc: i32,
}

/// 0 is the runtime's default.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Profile {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "2")]
    pub(super) image: Option<Image>,
    #[prost(string, repeated, tag = "4")]
    pub(super) args: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    pub(super) envs: Vec<KeyValue>,
    #[prost(message, repeated, tag = "7")]
    pub(super) mounts: Vec<Mount>,
    #[prost(string, tag = "11")]
    pub(super) log_path: String,
    #[prost(message, optional, tag = "15")]
    pub(super) linux: Option<LinuxContainer>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    #[prost(string, tag = "1")]
    pub(super) image: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) container_path: String,
    #[prost(string, tag = "2")]
    pub(super) host_path: String,
    #[prost(bool, tag = "3")]
    pub(super) readonly: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxContainer {
    #[prost(message, optional, tag = "1")]
    pub(super) resources: Option<Resources>,
    #[prost(message, optional, tag = "2")]
    pub(super) security_context: Option<Security>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Resources {
    #[prost(int64, tag = "4")]
    pub(super) memory_limit_in_bytes: i64,
    #[prost(int64, tag = "5")]
    pub(super) oom_score_adj: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Security {
    #[prost(message, optional, tag = "1")]
    pub(super) capabilities: Option<Capabilities>,
    #[prost(bool, tag = "2")]
    pub(super) privileged: bool,
    #[prost(message, optional, tag = "3")]
    pub(super) namespaces: Option<Namespaces>,
    #[prost(message, optional, tag = "5")]
    pub(super) run_as_user: Option<Number>,
    #[prost(message, optional, tag = "12")]
    pub(super) run_as_group: Option<Number>,
    #[prost(bool, tag = "7")]
    pub(super) readonly_rootfs: bool,
    #[prost(bool, tag = "11")]
    pub(super) no_new_privs: bool,
    #[prost(message, optional, tag = "15")]
    pub(super) seccomp: Option<Profile>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Capabilities {
    #[prost(string, repeated, tag = "1")]
    pub(super) add: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) drop: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Number {
    #[prost(int64, tag = "1")]
    pub(super) value: i64,
}

#[derive(Clone, PartialEq, Message)]
struct RunSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<Sandbox>,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    sandbox_id: String,
    #[prost(message, optional, tag = "2")]
    config: Option<Container>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<Sandbox>,
}

/// A request or response that is only an id.
#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Stop {
    #[prost(string, tag = "1")]
    id: String,
    /// Seconds until it is killed.
    #[prost(int64, tag = "2")]
    timeout: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exec {
    #[prost(string, tag = "1")]
    container_id: String,
    #[prost(string, repeated, tag = "2")]
    command: Vec<String>,
    #[prost(int64, tag = "3")]
    timeout: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Executed {
    #[prost(bytes = "vec", tag = "1")]
    stdout: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    stderr: Vec<u8>,
    #[prost(int32, tag = "3")]
    exit_code: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Nothing {}

/// A connection to the runtime.
#[derive(Debug)]
pub(super) struct Cri {
    runtime: Runtime,
    channel: Channel,
}

impl Cri {
    /// Connects to the socket at the first request.
    pub(super) fn at(socket: &Path) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let socket = socket.to_owned();
        let connect = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        // The address is not used, but must be one.
        let endpoint = Endpoint::from_static("http://localhost").timeout(PATIENCE);
        let channel = {
            let _within = runtime.enter();
            endpoint.connect_with_connector_lazy(connect)
        };
        Ok(Self { runtime, channel })
    }

    /// Whether it answers.
    pub(super) fn answers(&self) -> bool {
        let version = self.ask::<_, Nothing>("/runtime.v1.RuntimeService/Version", Nothing {});
        version.is_ok()
    }

    /// Starts the sandbox of a pod; returns its id.
    pub(super) fn run_sandbox(&self, config: &Sandbox) -> Result<String> {
        let config = Some(config.clone());
        let path = "/runtime.v1.RuntimeService/RunPodSandbox";
        let made: Id = self.ask(path, RunSandbox { config })?;
        Ok(made.id)
    }

    /// Creates and starts a container; returns its id. `then` gets the id before
    /// its first process runs.
    pub(super) fn run_container(
        &self,
        sandbox: (&str, &Sandbox),
        config: &Container,
        then: impl FnOnce(&str) -> Result<()>,
    ) -> Result<String> {
        let create = CreateContainer {
            sandbox_id: sandbox.0.to_owned(),
            config: Some(config.clone()),
            sandbox_config: Some(sandbox.1.clone()),
        };
        let Id { id } = self.ask("/runtime.v1.RuntimeService/CreateContainer", create)?;
        then(&id)?;
        let path = "/runtime.v1.RuntimeService/StartContainer";
        self.ask::<_, Nothing>(path, Id { id: id.clone() })?;
        Ok(id)
    }

    /// Kills a container's first process.
    pub(super) fn kill(&self, container: &str) -> Result<()> {
        let stop = Stop {
            id: container.to_owned(),
            timeout: 0,
        };
        self.ask::<_, Nothing>("/runtime.v1.RuntimeService/StopContainer", stop)?;
        Ok(())
    }

    /// Runs a program in a container to its end, as kubelet does for a probe of kind exec; what it
    /// wrote.
    pub(super) fn exec(&self, container: &str, command: &[&str]) -> Result<String> {
        let exec = Exec {
            container_id: container.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: PROBE_SECONDS,
        };
        let done: Executed = self.ask("/runtime.v1.RuntimeService/ExecSync", exec)?;
        ensure!(
            done.exit_code == 0,
            "{command:?} ended with {}: {}",
            done.exit_code,
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Ends all containers of a pod and forgets it.
    pub(super) fn remove_sandbox(&self, id: &str) -> Result<()> {
        for path in [
            "/runtime.v1.RuntimeService/StopPodSandbox",
            "/runtime.v1.RuntimeService/RemovePodSandbox",
        ] {
            self.ask::<_, Nothing>(path, Id { id: id.to_owned() })?;
        }
        Ok(())
    }

    fn ask<Q, A>(&self, path: &'static str, question: Q) -> Result<A>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let answer = self.runtime.block_on(async {
            let mut client = Grpc::new(self.channel.clone());
            client.ready().await?;
            let codec = ProstCodec::<Q, A>::default();
            let request = tonic::Request::new(question);
            let answer = client.unary(request, path.parse()?, codec);
            anyhow::Ok(answer.await?)
        });
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok(answer
            .with_context(|| format!("ask containerd to {name}"))?
            .into_inner())
    }
}
