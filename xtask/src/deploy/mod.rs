//! The manifests, the chart and the systemd unit: writes the generated parts and checks all of it.

mod facts;
mod generated;
mod helm;
mod manifests;
mod unit;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::workspace;

pub(crate) use helm::CHART;
pub(crate) use manifests::no_kustomize;

/// `cargo xtask deploy`: writes what is generated from the dashboards and their rules.
pub(crate) fn generate() -> Result<ExitCode> {
    for (path, text) in generated::files()? {
        let file = workspace::root().join(path);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        println!("deploy: {path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask deploy --check`: changes nothing.
pub(crate) fn check() -> Result<ExitCode> {
    for (path, text) in generated::files()? {
        let file = workspace::root().join(path);
        let there = fs::read_to_string(&file).unwrap_or_default();
        ensure!(
            there == text,
            "{path} is out of date: run `cargo xtask deploy`"
        );
        println!("{path}: up to date");
    }
    manifests::check()?;
    unit::check()?;
    Ok(ExitCode::SUCCESS)
}
