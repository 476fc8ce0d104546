//! The Helm chart as one file, as `helm package` makes it: with the dashboards and rules, which are
//! a link in the sources.

use std::fs;

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::{VERSION, tarball};
use crate::deploy::CHART;
use crate::{statics, workspace};

/// The paths that are no part of the chart.
const IGNORED: &str = ".helmignore";

pub(super) fn file_name() -> String {
    format!("reapwatch-chart-{VERSION}.tgz")
}

pub(super) fn build() -> Result<Vec<u8>> {
    let root = workspace::root().join(CHART);
    let ignored = fs::read_to_string(root.join(IGNORED)).context("read what is ignored")?;
    let ignored: Vec<_> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut files = Vec::new();
    for entry in WalkDir::new(&root).follow_links(true).sort_by_file_name() {
        let entry = entry.context("list the chart")?;
        let path = entry.path().strip_prefix(&root)?;
        let is_ignored = ignored.iter().any(|ignored| path.starts_with(ignored));
        if entry.file_type().is_file() && !is_ignored {
            let bytes = statics::read(entry.path())?;
            files.push((path.display().to_string(), bytes));
        }
    }
    tarball::archive("reapwatch", &files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_has_dashboards_and_rules_but_no_tests() {
        let archive = build().expect("the chart is there");
        let mut tar = std::process::Command::new("tar");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join(file_name());
        fs::write(&file, archive).expect("the folder is writable");
        let list = tar.arg("-tzf").arg(&file).output().expect("there is tar");
        let list = String::from_utf8(list.stdout).expect("names are text");
        for name in [
            "Chart.yaml",
            "values.schema.json",
            "dashboards/rules/alerts.yaml",
        ] {
            assert!(list.contains(&format!("reapwatch/{name}\n")), "{list}");
        }
        assert!(!list.contains("tests"), "{list}");
    }
}
