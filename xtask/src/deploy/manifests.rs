//! Renders the manifests with kustomize and validates them with the schemas of Kubernetes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::facts::{self, Extras};
use super::helm::{self, Helm};
use crate::{operator, shell, workspace};

/// A folder to render.
struct Rendering {
    folder: &'static str,
    extras: Extras,
    /// The values with which the chart renders the same objects, if it can.
    values: Option<&'static [&'static str]>,
}

const RENDERED: [Rendering; 3] = [
    Rendering {
        folder: "deploy/kubernetes/base",
        extras: Extras::NONE,
        values: Some(&["image.repository=reapwatch", "image.tag=latest"]),
    },
    Rendering {
        folder: "deploy/kubernetes/overlays/full",
        extras: Extras::NONE,
        values: None,
    },
    Rendering {
        folder: ALL,
        extras: Extras {
            asks_runtime: true,
            writes_events: true,
        },
        values: Some(&[
            "image.repository=reapwatch",
            "image.tag=latest",
            "criSocket=/run/containerd/containerd.sock",
            "oldKernels=true",
            "podEvents=true",
            "dashboards.enabled=true",
            "networkPolicy.enabled=true",
            "podMonitor.enabled=true",
            "prometheusRule.enabled=true",
        ]),
    },
];
/// Generated for the check, since no overlay has all components.
const ALL: &str = "target/deploy/all";
const COMPONENTS: &str = "deploy/kubernetes/components";
/// The minor versions of Kubernetes to validate for.
const VERSIONS: std::ops::RangeInclusive<u32> = 25..=37;
/// The Python package with the schemas.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// Validates each YAML document of stdin, for each version or with its CRD, and prints all as JSON.
const SCRIPT: &str = r#"
import json, sys, yaml
import jsonschema
import kubernetes_validate as kv
first, last = map(int, sys.argv[1:3])

# As the API server does, it refuses fields that are not in the schema.
def strict(schema):
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(value) for name, value in schema.items()}
    return {"additionalProperties": False, **schema} if "properties" in schema else schema

schemas = {}
for path in sys.argv[3:]:
    with open(path) as file:
        crd = yaml.safe_load(file)["spec"]
    for version in crd["versions"]:
        kind = f"{crd['group']}/{version['name']}", crd["names"]["kind"]
        schemas[kind] = strict(version["schema"]["openAPIV3Schema"])

documents = list(yaml.safe_load_all(sys.stdin))
for document in documents:
    schema = schemas.get((document["apiVersion"], document["kind"]))
    try:
        if schema:
            # `jsonschema.validate` also checks the schema, but its patterns are those of Go.
            jsonschema.Draft202012Validator(schema).validate(document)
        for minor in [] if schema else range(first, last + 1):
            kv.validate(document, f"1.{minor}", strict=True)
    except Exception as error:
        name = f"{document['kind']} {document['metadata']['name']}"
        version = "" if schema else f", 1.{minor}"
        sys.exit(f"{name}{version}: {str(error).splitlines()[0]}")
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

/// Renders and validates the manifests, checks the facts, and compares the chart with them.
pub(super) fn check() -> Result<()> {
    let python = validator()?;
    if !operator::are_there() {
        operator::fetch()?;
    }
    let mistakes = operator::check_mistakes(|yaml| validated(&python, yaml).map(drop))?;
    println!("{}: {mistakes} mistakes are refused", operator::WANTED);
    let helm = Helm::find(&python)?;
    write_overlay_of_all()?;
    for Rendering {
        folder,
        extras,
        values,
    } in &RENDERED
    {
        let path = workspace::root().join(folder);
        let yaml = shell::read(Command::new("kubectl").arg("kustomize").arg(path))?;
        let documents = validated(&python, &yaml).context(*folder)?;
        facts::check(&documents, extras).context(*folder)?;
        println!(
            "{folder}: {} resources, valid for Kubernetes 1.{} to 1.{}",
            documents.len(),
            VERSIONS.start(),
            VERSIONS.end()
        );
        if let (Some(helm), Some(values)) = (&helm, values) {
            let rendered = validated(&python, &helm.render(values)?).context(helm::CHART)?;
            helm::compare(&documents, &rendered).with_context(|| {
                format!(
                    "{} with {} differs from {folder}",
                    helm::CHART,
                    values.join(",")
                )
            })?;
            println!("{}: the same with {}", helm::CHART, values.join(","));
        }
    }
    helm.map_or(Ok(()), |helm| helm.check_refusals())
}

/// Writes an overlay with every component.
fn write_overlay_of_all() -> Result<()> {
    let folder = workspace::root().join(ALL);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut text = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: reapwatch
resources:
  - ../../../deploy/kubernetes/base
components:
"
    .to_owned();
    for component in workspace::listed(&workspace::root().join(COMPONENTS))? {
        let name = component.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "  - ../../../{COMPONENTS}/{name}")?;
    }
    fs::write(folder.join("kustomization.yaml"), text).context("write an overlay")
}

fn validated(python: &Path, yaml: &str) -> Result<Vec<Value>> {
    let mut file = tempfile::tempfile().context("make a temporary file")?;
    std::io::Write::write_all(&mut file, yaml.as_bytes())?;
    std::io::Seek::rewind(&mut file)?;
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]);
    command.args([VERSIONS.start().to_string(), VERSIONS.end().to_string()]);
    let output = command.args(operator::paths()).stdin(file).output()?;
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
