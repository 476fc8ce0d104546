//! The CRDs of the Prometheus operator, as its release has them: a crate that makes types of CRDs has
//! them among its tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::sidecar::sha256;
use crate::{shell, workspace};

/// What they are, for messages.
pub(crate) const WANTED: &str = "the CRDs of the Prometheus operator 0.89";

const CRATE: &str = "kopium";
const CRATE_VERSION: &str = "0.24.1";
/// The folder of the crate that has them.
const TESTS: &str = "tests";
/// The files, and their checksums.
const FILES: [(&str, &str); 2] = [
    (
        "podmonitors.monitoring.coreos.com.yaml",
        "4c5fb72e913daf8050b688a45522cce11ee7cf77769f007b029dcf2006f4ac14",
    ),
    (
        "prometheusrules.monitoring.coreos.com.yaml",
        "1cf2b336cddbea3d310b9e29d82ddc4153614c1584f7565caa9df5a25550e601",
    ),
];
/// The part of the cache for them.
const CACHE: &str = "prometheus-operator";

const MONITOR: &str = "deploy/kubernetes/components/pod-monitor/pod-monitor.yaml";
const RULE: &str = "deploy/kubernetes/components/prometheus-rule/prometheus-rule.yaml";
/// Mistakes in our manifests: what is written there, what instead, and what the refusal has to name.
const MISTAKES: [(&str, &str, &str, &str); 4] = [
    (MONITOR, "honorLabels:", "honourLabels:", "honourLabels"),
    (MONITOR, "interval: 30s", "interval: often", "often"),
    (RULE, "annotations:", "anotations:", "anotations"),
    (RULE, "for: 5m", "for: a while", "a while"),
];

/// Whether they are in the cache.
pub(crate) fn are_there() -> bool {
    paths().all(|path| path.is_file())
}

/// Puts them into the cache.
pub(crate) fn fetch() -> Result<()> {
    println!("setup: {WANTED}, from the crate {CRATE} {CRATE_VERSION}");
    // It unpacks the crate among those of all builds, without what the crate depends on.
    let mut cargo = Command::new(workspace::cargo());
    shell::read(cargo.args(["info", "--quiet", &format!("{CRATE}@{CRATE_VERSION}")]))?;
    let unpacked = unpacked()?;
    let made = workspace::temporary(CACHE)?;
    for (name, checksum) in FILES {
        let file = unpacked.join(TESTS).join(name);
        let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        ensure!(
            sha256(&bytes) == checksum,
            "{CRATE} {CRATE_VERSION} has another {name}"
        );
        fs::write(made.path().join(name), bytes).context("write a CRD")?;
    }
    // The folder appears only when it is complete.
    fs::rename(made.path(), folder()).with_context(|| format!("make {}", folder().display()))
}

/// Their files, in the cache.
pub(crate) fn paths() -> impl Iterator<Item = PathBuf> {
    FILES.iter().map(|(name, _)| folder().join(name))
}

/// Checks that our manifests are valid, and that with each mistake they are refused for it. Returns how
/// many mistakes there are.
pub(crate) fn check_mistakes(validate: impl Fn(&str) -> Result<()>) -> Result<usize> {
    for (file, right, wrong, name) in MISTAKES {
        let text = fs::read_to_string(workspace::root().join(file));
        let text = text.with_context(|| format!("read {file}"))?;
        validate(&text).context(file)?;
        ensure!(text.contains(right), "{file} has no `{right}`");
        let refusal = validate(&text.replacen(right, wrong, 1)).err();
        let refusal = refusal.with_context(|| format!("{file}: `{wrong}` is not refused"))?;
        let refusal = refusal.to_string();
        ensure!(refusal.contains(name), "{file}: {name} is not in {refusal}");
    }
    Ok(MISTAKES.len())
}

fn folder() -> PathBuf {
    workspace::cache(CACHE).join(format!("{CRATE}-{CRATE_VERSION}"))
}

/// Where cargo has unpacked the crate: the name of the folder in between is that of the registry.
fn unpacked() -> Result<PathBuf> {
    let home = workspace::cargo_home().context("there is no home directory")?;
    let registries = workspace::listed(&home.join("registry/src"))?;
    let name = format!("{CRATE}-{CRATE_VERSION}");
    let mut folders = registries.iter().map(|registry| registry.join(&name));
    folders
        .find(|folder| folder.is_dir())
        .with_context(|| format!("cargo has not unpacked {name}"))
}
