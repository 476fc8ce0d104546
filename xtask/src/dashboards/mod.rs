//! The dashboards in `dashboards/`: written from their description here, checked, and asked of a
//! real Prometheus.

mod fleet;
mod grafana;
mod health;
mod node;
mod spec;

#[cfg(test)]
mod lint;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::spec::Dashboard;
use crate::workspace;

const ALL: [&Dashboard; 3] = [&fleet::FLEET, &node::NODE, &health::HEALTH];

/// `cargo xtask dashboards`: writes them.
pub(crate) fn write() -> Result<ExitCode> {
    for dashboard in ALL {
        let path = file(dashboard);
        fs::write(&path, grafana::json(dashboard))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn file(dashboard: &Dashboard) -> PathBuf {
    workspace::root().join(format!("dashboards/{}.json", dashboard.name))
}
