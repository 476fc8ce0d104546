//! Cgroups that come and go.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::soak::stage::Stage;

const CGROUPS: u32 = 1_000;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let roots = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
    let root = roots.map(Path::new).into_iter().find(|root| root.exists());
    let root = root.context("no cgroups are mounted")?;
    let folder = root.join(format!("reapwatch-soak-many-{}", std::process::id()));
    for _ in 0..CGROUPS {
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        fs::remove_dir(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    stage.expect_health()?;
    Ok(0)
}
