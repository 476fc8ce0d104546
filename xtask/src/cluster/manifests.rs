//! Our manifests, applied as the README of deploy/ says: a copy of the overlay, with what is
//! different here.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::namespaces::file;
use super::{LONG, kubectl};
use crate::stop::until;
use crate::{operator, shell, workspace};

/// The copy of what the overlays need of the repository.
const COPY: &str = "repository";
const OVERLAYS: &str = "deploy/kubernetes/overlays";

/// The kinds of the Prometheus operator that our manifests use.
const OPERATED: [&str; 2] = ["PodMonitor", "PrometheusRule"];
/// The component of the overlay that is only needed on Linux 5.10, and asks for a capability that
/// not every root has.
const NOT_NEEDED: &str = "components/old-kernels";
/// The component that no overlay has, and the first line of the list for it.
const EVENTS: &str = "components:\n  - ../../components/pod-events\n";
/// What the copy of the overlay adds: zombies are stale sooner, so that nobody waits half a minute.
const DIFFERENT: &str = "
patches:
  - target:
      kind: DaemonSet
    patch: |-
      # Kubernetes 1.20 does not know it.
      - op: remove
        path: /spec/template/spec/hostUsers
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --stale-after=3s
";

/// The overlay for agents that only have the container runtime to ask for names.
const ASKING: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../mine]
components: [../../components/cri]
patches:
  - target:
      kind: DaemonSet
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --pod-names=none
";

/// Applies the overlay, and waits until the agents are ready.
pub(super) fn apply() -> Result<()> {
    register_operator()?;
    let copy = file(COPY);
    fs::create_dir(&copy).context("make a folder for the manifests")?;
    for folder in ["deploy", "dashboards"] {
        copy_folder(&workspace::root().join(folder), &copy.join(folder))?;
    }
    let overlays = copy.join(OVERLAYS);
    let mine = overlays.join("mine");
    copy_folder(&overlays.join("full"), &mine)?;
    let list = mine.join("kustomization.yaml");
    let text = fs::read_to_string(&list).context("read the overlay")?;
    let needed = text.lines().filter(|line| !line.ends_with(NOT_NEEDED));
    let needed: Vec<_> = needed.collect();
    let needed = needed.join("\n").replace("components:\n", EVENTS);
    fs::write(&list, needed + DIFFERENT).context("write the overlay")?;
    apply_overlay(&mine)
}

/// Registers the kinds of the Prometheus operator, of which here only the objects are used, and waits
/// until the API server publishes their schemas, with which kubectl refuses unknown fields.
fn register_operator() -> Result<()> {
    for path in operator::paths() {
        let crd = fs::read_to_string(path).context("read a CRD")?;
        // Kubernetes 1.20 reads an empty default as null, and refuses it.
        let lines = crd.lines().filter(|line| line.trim() != "default: ''");
        kubectl::apply(&lines.collect::<Vec<_>>().join("\n"))?;
    }
    until("the schemas of the Prometheus operator", LONG, || {
        let published = kubectl::try_run(&["get", "--raw", "/openapi/v2"])?;
        let is_there = |kind| published.contains(&format!("com.coreos.monitoring.v1.{kind}\""));
        Ok(OPERATED.iter().all(is_there).then_some(()))
    })
}

/// The same with agents that have only the container runtime to ask for names.
pub(super) fn apply_asking() -> Result<()> {
    let asking = file(COPY).join(OVERLAYS).join("asking");
    fs::create_dir(&asking).context("make an overlay")?;
    fs::write(asking.join("kustomization.yaml"), ASKING).context("write an overlay")?;
    apply_overlay(&asking)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    shell::run(Command::new("cp").arg("-r").arg(from).arg(to))
}

fn apply_overlay(folder: &Path) -> Result<()> {
    let words = ["apply", "--server-side", "--force-conflicts", "-k"];
    kubectl::finished(kubectl::command(&words).arg(folder))?;
    roll_out()
}

/// Waits until each node runs the agent that the DaemonSet describes.
pub(super) fn roll_out() -> Result<()> {
    let words = ["rollout", "status", "daemonset/reapwatch", "--timeout=120s"];
    kubectl::try_run(&[&words[..], &["--namespace=reapwatch"]].concat()).map(drop)
}
