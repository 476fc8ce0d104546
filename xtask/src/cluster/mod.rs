//! A real Kubernetes of two nodes on this machine, our manifests in it as the README of deploy/
//! applies them, and what their agents and Prometheus say about pods that leak.

mod agents;
mod build;
mod cgroup;
mod control_plane;
mod daemon;
mod guard;
mod images;
mod kubectl;
mod manifests;
mod monitor;
mod namespaces;
mod network;
mod node;
pub(crate) mod programs;
mod rules;
mod story;
mod timeline;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) use self::build::build;
use self::cgroup::Cgroup;
use self::control_plane::ControlPlane;
use self::node::Node;
use self::timeline::Timeline;
use crate::cli::{self, ClusterPart, Purpose};
use crate::host;
use crate::setup;
use crate::statics;
use crate::stop::until;

/// How many nodes there are.
const NODES: u8 = 2;
/// How long parts of Kubernetes may take to do what they were asked for.
const LONG: Duration = Duration::from_secs(120);

/// `cargo xtask cluster`.
pub(crate) fn main(options: &cli::Cluster) -> Result<ExitCode> {
    match options.part {
        None => prepare(options),
        Some(ClusterPart::Guard) => guard::guard(options),
        Some(ClusterPart::Inside) => inside(options),
    }
}

/// Builds what the cluster runs, and starts it.
fn prepare(options: &cli::Cluster) -> Result<ExitCode> {
    // Root is needed, and what setup builds takes minutes.
    if let Some(lack) = host::no_probes() {
        bail!("no pods here: {lack}");
    }
    setup::ensure(Purpose::Cluster)?;
    if let Some(lack) = setup::no_cluster() {
        bail!("no pods here: {lack}");
    }
    if options.agent.is_some() && options.scenarios.is_some() {
        return guard::start(options);
    }
    let programs = statics::build_for_tests()?;
    guard::start(&cli::Cluster {
        agent: Some(programs.reapwatch),
        scenarios: Some(programs.scenarios),
        hold: options.hold,
        ..cli::Cluster::default()
    })
}

/// All that happens inside of the cgroup and the namespaces of the cluster.
fn inside(options: &cli::Cluster) -> Result<ExitCode> {
    let path = |path: &Option<PathBuf>| path.clone().context("a program is not given");
    let name = options.cgroup.as_deref().context("no cgroup is given")?;
    let cgroup = Cgroup::named(name);
    cgroup.enter()?;
    namespaces::enter()?;
    let images = images::write(&path(&options.agent)?, &path(&options.scenarios)?)?;
    let timeline = Timeline::begin();
    let mut cluster = Cluster::start(&cgroup, &images)?;
    timeline.print("two nodes are ready: etcd, API server, scheduler, and a kubelet on each");
    let told = story::tell(&mut cluster, &timeline, options.hold);
    if told.is_err() {
        // Its own end may be the reason.
        cluster.check()?;
        print_state();
    }
    told.map(|()| ExitCode::SUCCESS)
}

/// What runs as long as the test.
struct Cluster {
    /// The name of its cgroup.
    cgroup: String,
    control_plane: ControlPlane,
    nodes: Vec<Node>,
}

impl Cluster {
    /// Starts it, and waits until both nodes are ready.
    fn start(cgroup: &Cgroup, images: &[PathBuf]) -> Result<Self> {
        network::of_control_plane()?;
        let names: Vec<_> = (1..=NODES).map(node::name_of).collect();
        let control_plane = ControlPlane::start(&names)?;
        let mut cluster = Self {
            cgroup: cgroup.name().to_owned(),
            control_plane,
            nodes: Vec::new(),
        };
        for number in 1..=NODES {
            cgroup.below(&node::name_of(number))?;
            let node = Node::start(number, cgroup.name(), images)?;
            cluster.nodes.push(node);
        }
        until("the nodes to be ready", LONG, || {
            cluster.check()?;
            let path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
            let ready = kubectl::try_run(&["get", "nodes", "--output", path])?;
            Ok((ready == "True True").then_some(()))
        })?;
        Ok(cluster)
    }

    /// Fails if a part of it has ended.
    fn check(&mut self) -> Result<()> {
        self.control_plane.check()?;
        self.nodes.iter_mut().try_for_each(Node::check)
    }
}

/// Prints what an administrator would look at.
fn print_state() {
    for words in [
        &["get", "nodes,pods", "--all-namespaces", "--output", "wide"][..],
        &["get", "events", "--all-namespaces"],
        &[
            "logs",
            "--namespace=reapwatch",
            "--selector=app.kubernetes.io/name=reapwatch",
            "--prefix",
        ],
    ] {
        match kubectl::try_run(words) {
            Ok(text) => eprintln!("{text}"),
            Err(error) => eprintln!("{error:#}"),
        }
    }
}
