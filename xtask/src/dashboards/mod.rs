//! The dashboards in `dashboards/`: written from the descriptions here, checked, and queried
//! against a real Prometheus.

mod ask;
mod grafana;
mod live;
mod queries;
mod spec;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::spec::Dashboard;
use crate::cli::Dashboards;
use crate::workspace;

pub(crate) use ask::answered;

/// `cargo xtask dashboards`.
pub(crate) fn main(options: &Dashboards) -> Result<ExitCode> {
    if options.live {
        return live::main();
    }
    for dashboard in spec::all()? {
        let path = file(&dashboard);
        fs::write(&path, grafana::json(&dashboard))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn file(dashboard: &Dashboard) -> PathBuf {
    workspace::root().join(format!("dashboards/{}.json", dashboard.name))
}
