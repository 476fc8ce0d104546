//! Every kind of death: threads, execs, kills, adoptions, tracers, namespaces.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::soak::stage::Stage;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let mut command = stage.scenarios(&["run", "all"]);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("run `scenarios run all`")?;
    if !output.status.success() {
        bail!("`scenarios run all` failed ({})", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let deaths = text.lines().filter(|line| !line.contains("\"lacks\""));
    Ok(deaths.count() as u64)
}
