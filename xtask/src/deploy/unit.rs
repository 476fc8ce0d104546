//! Checks the systemd unit.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{shell, workspace};

const UNIT: &str = "deploy/systemd/reapwatch.service";
/// The highest exposure level allowed, times ten. systemd calls up to 2.9 OK.
const EXPOSURE: &str = "29";

/// Runs systemd-analyze if it is installed.
pub(super) fn check() -> Result<()> {
    if workspace::find_program("systemd-analyze").is_none() {
        println!("{UNIT}: not checked, systemd-analyze is not installed");
        return Ok(());
    }
    let unit = workspace::root().join(UNIT);
    let mut security = Command::new("systemd-analyze");
    security.args([
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold",
        EXPOSURE,
    ]);
    shell::read(security.arg(&unit))?;
    verify(&fs::read_to_string(&unit).with_context(|| format!("read {UNIT}"))?)?;
    println!("{UNIT}: valid, and its exposure is low");
    Ok(())
}

/// Verifies the unit with another program and without manual pages, since neither need be installed.
fn verify(unit: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let file = folder.path().join("reapwatch.service");
    let lines = unit
        .lines()
        .filter(|line| !line.starts_with("Documentation="));
    let text: Vec<_> = lines
        .map(|line| line.replace("/usr/bin/reapwatch", "/bin/true"))
        .collect();
    fs::write(&file, text.join("\n") + "\n").context("write a unit")?;
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&file)
        .output()?;
    let warnings = String::from_utf8_lossy(&output.stderr);
    // There are warnings about other units too.
    let ours: Vec<_> = warnings
        .lines()
        .filter(|line| line.contains("reapwatch"))
        .collect();
    ensure!(
        output.status.success() && ours.is_empty(),
        "systemd-analyze verify: {warnings}"
    );
    Ok(())
}
