//! The agent, as a daemon or inside a view.

mod agent;
mod conditions;
mod deaths;
mod feed;
pub(crate) mod host;
mod intake;
mod job;
mod judge;
mod names;
mod ordinary;
mod pace;
mod pids;
mod purpose;
mod questions;
mod reading;
mod recorder;
pub mod recording_file;
mod recording_source;
mod repairs;
pub(crate) mod replay;
mod rounds;
mod scrape;
mod settings;
mod snapshots;
pub(crate) mod streams;
mod stuck;
mod tally;
mod turns;
mod wake;

use std::{path::PathBuf, thread, time::Duration};

use anyhow::Context as _;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::spawn_blocking,
};

use self::agent::Agent;
use self::recording_file::Sink;
use self::settings::{HOST_ROOT_FIX, Settings};
use self::streams::Lines;
pub(crate) use self::stuck::THRESHOLD as STUCK_AFTER;
use crate::cli::{AgentArgs, ProbeArgs};
use crate::handle::{Handle, Request};
use crate::pod_events::PodEvents;
use crate::probes::{self, Role};
use crate::systemd::Manager;
use crate::{doctor, server};

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// If nothing can be measured here, or an address is not available; one sentence with the fix.
pub async fn run(args: AgentArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.listen.get().is_some() || args.socket.get().is_some(),
        "with --listen none and --socket none the agent would be unreachable; omit one of them"
    );
    anyhow::ensure!(
        args.web_config.is_none() || args.listen.get().is_some(),
        "--web.config.file configures TCP, which --listen none turns off; omit one of them"
    );
    let web = args
        .web_config
        .as_deref()
        .map(server::Web::load)
        .transpose()?;
    let events = PodEvents::of(&args)?;
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
    let (handle, thread) = start(Agent::attach(&Settings::of_daemon(&args)?, None)?)?;
    if let Some(address) = listeners.tcp_address() {
        log::info!("serving {}://{address}/", listeners.scheme());
    }
    if let Some(warning) = listeners.open_to_strangers() {
        log::warn!("{warning}");
    }
    if let Some(path) = listeners.socket_path() {
        log::info!("serving {}", path.display());
    }
    let events = events.map(|events| tokio::spawn(events.write(handle.clone())));
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
    if let Some(events) = events {
        events.abort();
    }
    anyhow::ensure!(!failed, "the agent's loop stopped; see its log");
    Ok(())
}

/// Starts the loop on its own thread, so that drawing a screen never delays it.
///
/// # Errors
/// If nothing can be measured here; one sentence with the fix.
pub fn embed(probes: &ProbeArgs) -> anyhow::Result<Handle> {
    let agent = Agent::attach(&Settings::of_view(probes), None)?;
    Ok(start(agent)?.0)
}

/// Starts an agent that records until its handle is dropped, and returns all deaths that it
/// records.
///
/// # Errors
/// If nothing can be measured here; one sentence with the fix.
pub fn record(probes: &ProbeArgs, sink: Sink) -> anyhow::Result<(Handle, Lines)> {
    let agent = Agent::attach(&Settings::of_view(probes), Some(sink))?;
    let deaths = agent.follow();
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
    let settings = Settings::of_view(probes);
    let fault = settings.host_root_fault();
    let mut doctor = spawn_blocking(move || doctor::examine(settings.kernel)).await?;
    if let Some(fault) = fault {
        doctor.facts.push(doctor::host_root(fault, HOST_ROOT_FIX));
    }
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

fn start(mut agent: Agent) -> anyhow::Result<(Handle, Running)> {
    agent.begin();
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

/// How long a helper thread stays without work. It must outlast the longest pause between two jobs:
/// when the PID table is full, no new one can be started.
const HELPERS_STAY: Duration = Duration::from_secs(3600);

fn run_loop(agent: Agent, requests: mpsc::Receiver<Request>) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(HELPERS_STAY)
        .build()?;
    let result = runtime.block_on(agent.run(requests));
    // A helper thread may hang in a file.
    runtime.shutdown_background();
    result
}
