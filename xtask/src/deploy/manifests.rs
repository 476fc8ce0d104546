//! Renders the manifests with kustomize and validates them with the schemas of Kubernetes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::facts;
use crate::{shell, workspace};

/// The folders to render, and whether the agent asks the container runtime there.
const RENDERED: [(&str, bool); 3] = [
    ("deploy/kubernetes/base", false),
    ("deploy/kubernetes/overlays/full", false),
    (WITH_CRI, true),
];
/// Generated for the check, since no overlay has this component.
const WITH_CRI: &str = "target/deploy/cri";
const WITH_CRI_IS: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../../deploy/kubernetes/base
components:
  - ../../../deploy/kubernetes/components/cri
";
/// The minor versions of Kubernetes to validate for.
const VERSIONS: std::ops::RangeInclusive<u32> = 25..=37;
/// The Python package with the schemas.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";
/// The Prometheus operator, whose schemas are not in that package.
const OPERATOR: &str = "monitoring.coreos.com/v1";

/// Validates each YAML document of stdin for each version and prints all as JSON.
const SCRIPT: &str = r#"
import json, sys, yaml
import kubernetes_validate as kv
first, last, operator = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
documents = list(yaml.safe_load_all(sys.stdin))
for document in documents:
    if document["apiVersion"] == operator:
        continue
    for minor in range(first, last + 1):
        try:
            kv.validate(document, f"1.{minor}", strict=True)
        except Exception as error:
            sys.exit(f"{document['kind']} {document['metadata']['name']}, 1.{minor}: {str(error).splitlines()[0]}")
json.dump(documents, sys.stdout)
"#;

/// Why manifests cannot be rendered here, if so.
pub(crate) fn no_kustomize() -> Option<String> {
    let kubectl = workspace::find_program("kubectl");
    let python = workspace::find_program("python3");
    match (kubectl, python) {
        (None, _) => {
            Some("missing: kubectl 1.21 or newer, which Debian 12 does not package".into())
        }
        (_, None) => {
            Some("missing: python3, which validates with the schemas of Kubernetes".into())
        }
        _ => None,
    }
}

/// Renders and validates the manifests and checks the facts.
pub(super) fn check() -> Result<()> {
    let python = validator()?;
    let made = workspace::root().join(WITH_CRI);
    fs::create_dir_all(&made).with_context(|| format!("make {}", made.display()))?;
    fs::write(made.join("kustomization.yaml"), WITH_CRI_IS).context("write an overlay")?;
    for (name, asks_runtime) in RENDERED {
        let folder = workspace::root().join(name);
        let yaml = shell::read(Command::new("kubectl").arg("kustomize").arg(folder))?;
        let documents = validated(&python, &yaml).with_context(|| name.to_owned())?;
        facts::check(&documents, asks_runtime).with_context(|| name.to_owned())?;
        let count = documents.len();
        println!(
            "{name}: {count} resources, valid for Kubernetes 1.{} to 1.{}",
            VERSIONS.start(),
            VERSIONS.end()
        );
    }
    Ok(())
}

fn validated(python: &Path, yaml: &str) -> Result<Vec<Value>> {
    let mut file = tempfile::tempfile().context("make a temporary file")?;
    std::io::Write::write_all(&mut file, yaml.as_bytes())?;
    std::io::Seek::rewind(&mut file)?;
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]);
    command.args([VERSIONS.start().to_string(), VERSIONS.end().to_string()]);
    let output = command.arg(OPERATOR).stdin(file).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A Python with the schemas, in the cache.
fn validator() -> Result<PathBuf> {
    let folder = workspace::cache(&VALIDATOR.replace("==", "-"));
    let done = folder.join("done");
    if !done.is_file() {
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let mut make = Command::new("python3");
        shell::run(make.args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = Command::new(folder.join("bin/pip"));
        shell::run(install.args(["install", "--quiet", VALIDATOR, "pyyaml"]))?;
        fs::write(&done, "").context("mark the Python as complete")?;
    }
    Ok(folder.join("bin/python"))
}
