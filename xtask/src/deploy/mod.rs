//! What is deployed: the parts of it that are made from others, and whether all of it is right.

mod facts;
mod generated;
mod manifests;
mod unit;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::workspace;

pub(crate) use manifests::no_kustomize;

/// `cargo xtask deploy`: writes what is made from the dashboards and their rules.
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
            "{path} is not what its sources give: run `cargo xtask deploy`"
        );
        println!("{path}: as its sources give it");
    }
    manifests::check()?;
    unit::check()?;
    Ok(ExitCode::SUCCESS)
}
