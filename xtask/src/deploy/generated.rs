//! Manifests that repeat what stands elsewhere: kustomize reads no file outside of its folder, and
//! puts no file into a custom resource.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace;

const NOTE: &str = "# Made by `cargo xtask deploy`";
const RULES: &str = "dashboards/rules";
const DASHBOARDS: &str = "dashboards";

/// Path in the repository and content of each.
pub(super) fn files() -> Result<[(&'static str, String); 2]> {
    let rules = listed(RULES, "yaml")
        .iter()
        .map(|path| fs::read_to_string(path).with_context(|| format!("read {}", path.display())))
        .collect::<Result<Vec<_>>>()?;
    let dashboards: Vec<_> = listed(DASHBOARDS, "json")
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    Ok([
        (
            "deploy/kubernetes/components/prometheus-rule/prometheus-rule.yaml",
            prometheus_rule(&rules),
        ),
        ("dashboards/kustomization.yaml", config_maps(&dashboards)),
    ])
}

/// The files of a folder, by name; none where there is no folder.
fn listed(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = workspace::root().join(folder);
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .filter(|path| path.file_stem().is_some_and(|it| it != "kustomization"))
        .collect();
    paths.sort();
    paths
}

/// The groups of all files, as Prometheus reads them, in one resource of its operator.
fn prometheus_rule(rules: &[String]) -> String {
    let mut text = format!(
        "{NOTE} from {RULES}.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  name: reapwatch\n  namespace: reapwatch\n  labels:\n    \
         app.kubernetes.io/name: reapwatch\n\
         spec:\n  groups:{}\n",
        if rules.is_empty() { " []" } else { "" }
    );
    for line in rules.iter().flat_map(|file| groups(file)) {
        let _ = match line {
            "" => writeln!(text),
            line => writeln!(text, "  {line}"),
        };
    }
    text
}

/// What stands under `groups:`, which is all that such a file has at its left edge.
fn groups(file: &str) -> impl Iterator<Item = &str> {
    file.lines()
        .skip_while(|line| *line != "groups:")
        .skip(1)
        .filter(|line| !line.starts_with('#'))
}

/// One for each dashboard: what `kubectl apply` keeps of a resource has a limit.
fn config_maps(dashboards: &[String]) -> String {
    let mut text = format!(
        "{NOTE} from the files beside it.\n\
         apiVersion: kustomize.config.k8s.io/v1alpha1\n\
         kind: Component\n\
         generatorOptions:\n  disableNameSuffixHash: true\n  labels:\n    \
         app.kubernetes.io/name: reapwatch\n    grafana_dashboard: \"1\"\n\
         configMapGenerator:\n"
    );
    for name in dashboards {
        let _ = write!(
            text,
            "  - name: reapwatch-dashboard-{name}\n    files:\n      - {name}.json\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_all_files_stand_in_one_resource() {
        let one = "# Why.\ngroups:\n  - name: a\n    rules:\n      - record: b\n".to_owned();
        let two = "groups:\n  - name: c\n\n    rules: []\n".to_owned();
        let text = prometheus_rule(&[one, two]);
        let (_, groups) = text.split_once("  groups:\n").expect("it has groups");
        assert_eq!(
            groups,
            "    - name: a\n      rules:\n        - record: b\n    - name: c\n\n      rules: []\n"
        );
    }
}
