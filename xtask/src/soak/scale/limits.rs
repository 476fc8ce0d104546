//! How many processes this machine may have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What kernels allow at most on 64 bits, and more threads than any trial has.
const RAISED: [(&str, u64); 2] = [
    ("/proc/sys/kernel/pid_max", 1 << 22),
    ("/proc/sys/kernel/threads-max", 1_000_000),
];
/// Memory that trials leave to others.
const SPARE_BYTES: u64 = 3 << 30;

/// Raised limits, until dropped.
pub(super) struct Limits(Vec<(PathBuf, String)>);

impl Limits {
    pub(super) fn raise() -> Result<Self> {
        let mut limits = Self(Vec::new());
        for (path, value) in RAISED {
            let path = Path::new(path);
            let before = fs::read_to_string(path);
            let before = before.with_context(|| format!("read {}", path.display()))?;
            fs::write(path, value.to_string())
                .with_context(|| format!("raise {}", path.display()))?;
            limits.0.push((path.to_owned(), before));
        }
        Ok(limits)
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        for (path, before) in &self.0 {
            if let Err(error) = fs::write(path, before) {
                eprintln!("xtask: cannot restore {}: {error}", path.display());
            }
        }
    }
}

/// Fails when the machine is short of memory.
pub(super) fn check_memory() -> Result<()> {
    let text = fs::read_to_string("/proc/meminfo").context("read /proc/meminfo")?;
    let mut lines = text.lines();
    let kilobytes = lines.find_map(|line| line.strip_prefix("MemAvailable:")?.strip_suffix(" kB"));
    let available = kilobytes.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok());
    let available = available.context("no MemAvailable in /proc/meminfo")? << 10;
    ensure!(
        available > SPARE_BYTES,
        "less than {} GiB of memory left",
        SPARE_BYTES >> 30
    );
    Ok(())
}
