//! The dashboards in `dashboards/`: written from their description here, checked, and asked of a
//! real Prometheus.

mod ask;
mod fleet;
mod grafana;
mod health;
mod live;
mod node;
mod picture;
mod spec;

#[cfg(test)]
mod lint;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::spec::Dashboard;
use crate::cli::Dashboards;
use crate::workspace;

pub(crate) use ask::{Answered, answered};
pub(crate) use picture::draw_all;

const ALL: [&Dashboard; 3] = [&fleet::FLEET, &node::NODE, &health::HEALTH];

/// `cargo xtask dashboards`.
pub(crate) fn main(options: &Dashboards) -> Result<ExitCode> {
    match (&options.pictures, options.live) {
        (Some(folder), _) => live::main(Some((folder, *options.time))),
        (None, true) => live::main(None),
        (None, false) => write(),
    }
}

fn write() -> Result<ExitCode> {
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
