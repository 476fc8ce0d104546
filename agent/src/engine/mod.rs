//! The agent, as a daemon or inside a view.

mod answers;
mod core;
mod findings;
pub(crate) mod host;
mod judge;
mod pids;
mod questions;
mod recorder;
pub mod recording_file;
mod recording_source;
pub(crate) mod replay;
mod streams;
mod stuck;
mod tally;
mod workloads;

use std::{path::PathBuf, thread, time::Duration};

use anyhow::Context as _;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::spawn_blocking,
};

use self::core::Agent;
pub(crate) use self::stuck::THRESHOLD as STUCK_AFTER;
use crate::cli::{self, AgentArgs, NameArgs, PodNames, ProbeArgs};
use crate::engine::recording_file::Sink;
use crate::handle::{Handle, Request};
use crate::host::cri::Cri;
use crate::host::kubernetes::Cluster;
use crate::probes::{self, Role};
use crate::systemd::Manager;
use crate::{doctor, server};

/// Inside a view, stale zombies are not used; the daemon has a flag for this.
const STALE_AFTER: Duration = Duration::from_secs(30);
/// Likewise for metrics.
const MAX_GROUPS: usize = 256;

/// The part of the command line that the loop needs.
#[derive(Clone, Debug)]
struct Settings {
    kernel: probes::Config,
    role: Role,
    reconcile_every: Duration,
    stale_after: Duration,
    max_groups: usize,
    /// Where the host's root is mounted.
    host_root: PathBuf,
    names: Names,
}

/// Where the names of containers and pods come from.
#[derive(Clone, Debug)]
struct Names {
    /// Files that kubelet and the runtime leave on disk.
    files: bool,
    /// A watch on the pods of this node.
    watch: Option<Cluster>,
    /// The container runtime.
    cri: Option<Cri>,
}

impl Names {
    /// In a pod that knows its node, the watch is on by default if the pod has access.
    fn of(args: &NameArgs, cri: Option<Cri>) -> anyhow::Result<Self> {
        let cluster = |node: &String| match args.kube_url.clone() {
            Some(url) => Ok(Cluster::at(url, node.clone())),
            None => Cluster::around(node.clone()),
        };
        let node = args.node_name.as_ref().filter(|node| !node.is_empty());
        let watch = match args.pod_names {
            PodNames::Watch => {
                let node = node.context("--pod-names watch needs --node-name or NODE_NAME")?;
                Some(
                    cluster(node)
                        .context("cannot watch pods; --pod-names files needs no access")?,
                )
            }
            PodNames::Auto if args.kube_url.is_some() || Cluster::is_around() => {
                let cluster = node.map(cluster).transpose();
                cluster.unwrap_or_else(|error| {
                    log::warn!("pod names come from files only: {error:#}");
                    None
                })
            }
            PodNames::Auto | PodNames::Files | PodNames::None => None,
        };
        let files = matches!(args.pod_names, PodNames::Auto | PodNames::Files);
        Ok(Self { files, watch, cri })
    }
}

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// If nothing can be measured here, or an address is not available; one sentence with the fix.
pub async fn run(args: AgentArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.listen.get().is_some() || args.socket.get().is_some(),
        "with --listen none and --socket none the agent would be unreachable; omit one of them"
    );
    let web = args
        .web_config
        .as_deref()
        .map(server::Web::load)
        .transpose()?;
    anyhow::ensure!(
        web.is_none() || args.listen.get().is_some(),
        "--web.config.file configures TCP, which --listen none turns off; omit one of them"
    );
    // Listen first, so that a second agent fails before it loads anything.
    let mut listeners = server::bind(
        args.listen.get().copied(),
        args.socket.get().map(PathBuf::as_path),
    )?
    .guarded_by(web);
    if let Some(group) = &args.socket_group {
        listeners.open_socket_to(group)?;
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let settings = settings(&args.probes, Role::Daemon);
    let settings = Settings {
        stale_after: args.stale_after,
        max_groups: args.max_groups,
        names: Names::of(&args.names, settings.names.cri)?,
        ..settings
    };
    let (handle, thread) = start(Agent::attach(settings, None)?)?;
    if let Some(address) = listeners.tcp_address() {
        log::info!("serving {}://{address}/", listeners.scheme());
    }
    if let Some(warning) = listeners.open_to_strangers() {
        log::warn!("{warning}");
    }
    if let Some(path) = listeners.socket_path() {
        log::info!("serving {}", path.display());
    }
    let manager = Manager::find();
    if let Some(manager) = &manager {
        manager.ready("watching process exits");
    }
    // If the loop ends by itself, stop the server too.
    let mut failed = false;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => log::info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => log::info!("SIGINT: shutting down"),
            () = thread.ended() => failed = true,
        }
        if let Some(manager) = &manager {
            manager.stopping();
        }
    };
    server::serve(listeners, handle, shutdown)
        .await
        .context("the server failed")?;
    anyhow::ensure!(!failed, "the agent's loop stopped; see its log");
    Ok(())
}

/// Starts the loop on its own thread, so that drawing a screen never delays it.
///
/// # Errors
/// If nothing can be measured here; one sentence with the fix.
pub fn embed(probes: &ProbeArgs) -> anyhow::Result<Handle> {
    let agent = Agent::attach(settings(probes, Role::View), None)?;
    Ok(start(agent)?.0)
}

/// Starts an agent that records until its handle is dropped, and returns all deaths that it
/// records.
///
/// # Errors
/// If nothing can be measured here; one sentence with the fix.
pub fn record(
    probes: &ProbeArgs,
    sink: Sink,
) -> anyhow::Result<(Handle, mpsc::Receiver<api::ExitLine>)> {
    let mut agent = Agent::attach(settings(probes, Role::View), Some(sink))?;
    let deaths = agent.streams.follow();
    Ok((start(agent)?.0, deaths))
}

/// In a view's own thread, drops the privileges that only the embedded agent needed.
///
/// # Errors
/// If the kernel refuses.
pub fn give_up_in_view() -> anyhow::Result<()> {
    probes::give_up(Role::View, || true).context("cannot drop privileges")
}

/// What this host allows, found by attaching for a moment.
///
/// # Errors
/// If the examination panics.
pub async fn doctor(probes: &ProbeArgs) -> anyhow::Result<api::Doctor> {
    let settings = settings(probes, Role::View);
    let mut doctor = spawn_blocking(move || doctor::examine(settings.kernel)).await?;
    if let Some(cri) = settings.names.cri {
        let failure = cri.answers().await.err().map(|no| no.failure);
        doctor.facts.push(doctor::runtime(cri.socket(), failure));
    }
    Ok(doctor)
}

/// Reports when the loop's thread has ended.
struct Running(mpsc::Receiver<()>);

impl Running {
    async fn ended(mut self) {
        let _closed = self.0.recv().await;
    }
}

fn start(agent: Agent) -> anyhow::Result<(Handle, Running)> {
    let (handle, requests) = Handle::new();
    let (alive, running) = mpsc::channel(1);
    thread::Builder::new()
        .name("reapwatch-loop".to_owned())
        .spawn(move || {
            let _alive = alive;
            if let Err(error) = run_loop(agent, requests) {
                log::error!("the agent's loop failed: {error:#}");
            }
        })
        .context("cannot start the agent's thread")?;
    Ok((handle, Running(running)))
}

fn run_loop(agent: Agent, requests: mpsc::Receiver<Request>) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(agent.run(requests))
}

fn settings(probes: &ProbeArgs, role: Role) -> Settings {
    let kind = |kind| match kind {
        cli::HookKind::Fentry => probes::HookKind::Fentry,
        cli::HookKind::Kprobe => probes::HookKind::Kprobe,
        cli::HookKind::Tracepoint => probes::HookKind::Tracepoint,
    };
    Settings {
        kernel: probes::Config {
            ring_bytes: probes.ring_bytes,
            force: probes.hook.map(kind),
            syscall_tracepoints: !probes.no_syscall_tracepoints,
            steps: probes.steps,
            debug: probes.debug_probes,
            any_pid_namespace: probes.any_pid_namespace,
        },
        role,
        reconcile_every: probes.reconcile_every,
        stale_after: STALE_AFTER,
        max_groups: MAX_GROUPS,
        host_root: probes.host_root.clone(),
        names: Names {
            files: true,
            watch: None,
            cri: probes.cri_endpoint.clone().map(Cri::at),
        },
    }
}
