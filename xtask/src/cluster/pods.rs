//! Pods, started as kubelet starts them, with what it leaves on its node.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::cgroups;
use super::containerd::Containerd;
use super::cri::{
    Container, ContainerMetadata, Image, LinuxContainer, LinuxSandbox, Namespaces, Profile,
    Resources, Sandbox, SandboxMetadata, SandboxSecurity, Security, mode,
};
use super::images::SCENARIOS;

/// The QoS class of a pod without requests and limits.
const BEST_EFFORT: &str = "besteffort";

/// A pod, removed on drop.
pub(super) struct Pod<'a> {
    containerd: &'a Containerd,
    metadata: SandboxMetadata,
    config: Sandbox,
    class: &'static str,
    id: String,
}

impl<'a> Pod<'a> {
    /// The sandbox of a best-effort pod, whose containers have PIDs of this kind.
    pub(super) fn start(
        containerd: &'a Containerd,
        namespace: &str,
        name: &str,
        pids: i32,
    ) -> Result<Self> {
        Self::start_in(containerd, namespace, name, pids, BEST_EFFORT)
    }

    /// The same, in this class.
    pub(super) fn start_in(
        containerd: &'a Containerd,
        namespace: &str,
        name: &str,
        pids: i32,
        class: &'static str,
    ) -> Result<Self> {
        let metadata = SandboxMetadata {
            name: name.to_owned(),
            uid: uid(),
            namespace: namespace.to_owned(),
        };
        let folder = format!("{namespace}_{name}_{}", metadata.uid);
        let logs = containerd.folder().join("pods").join(folder);
        fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
        let config = Sandbox {
            metadata: Some(metadata.clone()),
            log_directory: logs.display().to_string(),
            linux: Some(LinuxSandbox {
                cgroup_parent: cgroups::of_pod(class, &metadata.uid),
                security_context: Some(SandboxSecurity {
                    namespaces: Some(namespaces(pids)),
                    seccomp: Some(Profile { kind: 0 }),
                }),
            }),
        };
        let id = containerd
            .cri()
            .run_sandbox(&config)
            .with_context(|| format!("start the pod {namespace}/{name}"))?;
        Ok(Self {
            containerd,
            metadata,
            config,
            class,
            id,
        })
    }

    /// Starts a container that runs a part of `scenarios pod`; returns its id.
    pub(super) fn run_part(&self, name: &str, part: &str) -> Result<String> {
        let pids = self.pids();
        self.run(Container {
            metadata: Some(ContainerMetadata {
                name: name.to_owned(),
            }),
            image: Some(Image {
                image: SCENARIOS.to_owned(),
            }),
            args: ["pod", part].map(str::to_owned).into(),
            linux: Some(LinuxContainer {
                resources: Some(Resources {
                    oom_score_adj: 1000,
                    ..Resources::default()
                }),
                security_context: Some(Security {
                    namespaces: Some(namespaces(pids)),
                    seccomp: Some(Profile { kind: 0 }),
                    ..Security::default()
                }),
            }),
            ..Container::default()
        })
    }

    /// Starts a container, with its log where kubelet has it; returns its id.
    pub(super) fn run(&self, mut config: Container) -> Result<String> {
        let SandboxMetadata {
            name: pod,
            namespace,
            ..
        } = &self.metadata;
        let metadata = config.metadata.as_ref().context("it has no name")?;
        let name = metadata.name.clone();
        config.log_path = format!("{name}/0.log");
        let log = PathBuf::from(&self.config.log_directory).join(&config.log_path);
        fs::create_dir_all(log.with_file_name("")).context("make the folder of its log")?;
        let links = logs(self.containerd)?;
        let link = |id: &str| {
            let link = links.join(format!("{pod}_{namespace}_{name}-{id}.log"));
            symlink(&log, link).context("link its log")
        };
        let sandbox = (self.id.as_str(), &self.config);
        let started = self.containerd.cri().run_container(sandbox, &config, link);
        started.with_context(|| format!("start the container {name} of {namespace}/{pod}"))
    }

    /// The log of a container.
    pub(super) fn log(&self, container: &str) -> String {
        let log = PathBuf::from(&self.config.log_directory).join(container);
        fs::read_to_string(log.join("0.log")).unwrap_or_default()
    }

    /// The uid of the pod in Kubernetes.
    pub(super) fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn pids(&self) -> i32 {
        let linux = self.config.linux.as_ref();
        let security = linux.and_then(|linux| linux.security_context.as_ref());
        let namespaces = security.and_then(|security| security.namespaces.as_ref());
        namespaces.map_or(mode::CONTAINER, |namespaces| namespaces.pid)
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.containerd.cri().remove_sandbox(&self.id) {
            eprintln!(
                "xtask: cannot remove the pod {}: {error:#}",
                self.metadata.name
            );
        }
        cgroups::remove_pod(self.class, &self.metadata.uid);
    }
}

/// The folder that replaces /var/log/containers of the node.
pub(super) fn logs(containerd: &Containerd) -> Result<PathBuf> {
    let folder = containerd.folder().join("containers");
    fs::create_dir_all(&folder).context("make the folder of links to logs")?;
    Ok(folder)
}

/// The node's network, since a network of its own takes plugins.
pub(super) fn namespaces(pids: i32) -> Namespaces {
    Namespaces {
        network: mode::NODE,
        pid: pids,
        ipc: mode::POD,
    }
}

fn uid() -> String {
    static PODS: AtomicU32 = AtomicU32::new(1);
    let (process, pod) = (std::process::id(), PODS.fetch_add(1, Ordering::Relaxed));
    format!("{process:08x}-0000-4000-8000-{pod:012x}")
}
