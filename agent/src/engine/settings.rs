//! The part of the command line that the loop needs.

use std::{fs, io::ErrorKind, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};

use crate::cli::{self, AgentArgs, NameArgs, PodNames, ProbeArgs};
use crate::host::cri::Cri;
use crate::host::kubernetes::Cluster;
use crate::probes::{self, Role};

/// Inside a view, stale zombies are not used; the daemon has a flag for this. A recording does not
/// say which age its agent used.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(30);
/// Likewise for metrics.
pub(super) const MAX_GROUPS: usize = 256;

/// What to do about a wrong root of the host.
pub(super) const HOST_ROOT_FIX: &str = "mount the host's root there, or omit the option";

/// What the loop does, and how.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) kernel: probes::Config,
    pub(super) role: Role,
    pub(super) reconcile_every: Duration,
    pub(super) stale_after: Duration,
    pub(super) dead_pidfds: bool,
    pub(super) max_groups: usize,
    /// Where the host's root is mounted.
    pub(super) host_root: PathBuf,
    pub(super) names: Names,
}

/// Where the names of containers and pods come from.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Files that kubelet and the runtime leave on disk.
    pub(super) files: bool,
    /// A watch on the pods of this node.
    pub(super) watch: Option<Cluster>,
    /// Why there is none, although this is a pod.
    pub(super) no_watch: Option<String>,
    /// The container runtime.
    pub(super) cri: Option<Cri>,
}

impl Settings {
    /// Of an agent inside a view.
    pub(super) fn of_view(probes: &ProbeArgs) -> Self {
        Self::of(probes, Role::View)
    }

    /// Of the daemon.
    pub(super) fn of_daemon(args: &AgentArgs) -> anyhow::Result<Self> {
        let settings = Self::of(&args.probes, Role::Daemon);
        Ok(Self {
            stale_after: args.stale_after,
            max_groups: args.max_groups,
            names: Names::of(&args.names, settings.names.cri)?,
            ..settings
        })
    }

    /// Refuses a root where no names would be found.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.host_root_fault() {
            None => Ok(()),
            Some(fault) => anyhow::bail!("--host-root {fault}: {HOST_ROOT_FIX}"),
        }
    }

    /// What is wrong with the host's root, if anything.
    pub(super) fn host_root_fault(&self) -> Option<String> {
        let root = self.host_root.display();
        match fs::metadata(&self.host_root) {
            Ok(about) if about.is_dir() => None,
            Ok(_) => Some(format!("{root} is not a directory")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Some(format!("{root} does not exist"))
            }
            Err(error) => Some(format!("{root} cannot be examined ({error})")),
        }
    }

    fn of(probes: &ProbeArgs, role: Role) -> Self {
        let kind = |kind| match kind {
            cli::HookKind::Fentry => probes::HookKind::Fentry,
            cli::HookKind::Kprobe => probes::HookKind::Kprobe,
            cli::HookKind::Tracepoint => probes::HookKind::Tracepoint,
        };
        Self {
            kernel: probes::Config {
                ring_bytes: probes.ring_bytes,
                force: probes.hook.map(kind),
                syscall_tracepoints: !probes.no_syscall_tracepoints,
                steps: probes.steps,
                libc_exit: probes.libc_exit,
                debug: probes.debug_probes,
                any_pid_namespace: probes.any_pid_namespace,
            },
            role,
            reconcile_every: probes.reconcile_every,
            stale_after: STALE_AFTER,
            dead_pidfds: probes.dead_pidfds,
            max_groups: MAX_GROUPS,
            host_root: probes.host_root.clone(),
            names: Names {
                files: true,
                watch: None,
                no_watch: None,
                cri: probes.cri_endpoint.clone().map(Cri::at),
            },
        }
    }
}

impl Names {
    /// In a pod that knows its node, the watch is on by default if the pod has access.
    fn of(args: &NameArgs, cri: Option<Cri>) -> anyhow::Result<Self> {
        let cluster = |node: &str| Cluster::of(args, node);
        if args.kube_url.is_some()
            && matches!(args.pod_names, PodNames::Files | PodNames::None)
            && !args.pod_events
        {
            bail!("--kube-url is for --pod-names auto or watch and for --pod-events; omit it");
        }
        let node = args.node();
        let mut no_watch = None;
        let watch = match args.pod_names {
            PodNames::Watch => {
                let node = node.context("--pod-names watch needs --node-name or NODE_NAME")?;
                Some(
                    cluster(node)
                        .context("cannot watch pods; --pod-names files needs no access")?,
                )
            }
            PodNames::Auto if args.kube_url.is_some() || Cluster::is_around() => {
                let node = node.context("no node is named; set --node-name or NODE_NAME");
                let found = node.and_then(cluster);
                no_watch = found.as_ref().err().map(|error| format!("{error:#}"));
                found.ok()
            }
            PodNames::Auto | PodNames::Files | PodNames::None => None,
        };
        if let Some(why) = &no_watch {
            log::warn!("pod names come from files only: {why}");
        }
        Ok(Self {
            files: matches!(args.pod_names, PodNames::Auto | PodNames::Files),
            watch,
            no_watch,
            cri,
        })
    }
}
