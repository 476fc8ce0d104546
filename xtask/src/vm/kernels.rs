//! The kernels of the matrix, pinned.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One of Debian's kernels for virtual machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kernel {
    /// What the matrix calls it.
    pub(super) name: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) suite: String,
    /// Of the package's file.
    pub(super) sha256: String,
    /// Scenarios that it cannot play. One of them that is played, or another that is not, is a
    /// failure.
    #[serde(default)]
    pub(super) lacks: Vec<String>,
}

impl Kernel {
    /// The package's file in the cache, which is named after its content.
    pub(super) fn package_file(&self) -> PathBuf {
        cache().join(format!("{}.deb", self.sha256))
    }

    /// The bootable image, unpacked from that file.
    pub(super) fn image(&self) -> PathBuf {
        cache().join(format!("{}.vmlinuz", self.sha256))
    }
}

/// Where kernels stay between runs, outside the repository.
pub(super) fn cache() -> PathBuf {
    let home = || env::home_dir().unwrap_or_else(env::temp_dir).join(".cache");
    let base = env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    base.map_or_else(home, PathBuf::from)
        .join("reapwatch/kernels")
}

/// The kernels of these names; all without names.
pub(super) fn choose(names: &[String]) -> Result<Vec<Kernel>> {
    let all = all()?;
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        let found = all.iter().find(|kernel| kernel.name == *name).cloned();
        found.with_context(|| format!("no kernel `{name}`, there are: {}", list(&all)))
    };
    names.iter().map(find).collect()
}

fn all() -> Result<Vec<Kernel>> {
    serde_json::from_str(include_str!("kernels.json")).context("parse kernels.json")
}

fn list(kernels: &[Kernel]) -> String {
    let names: Vec<_> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_pinned() {
        for kernel in all().unwrap() {
            assert_eq!(kernel.sha256.len(), 64, "{}", kernel.name);
            assert!(kernel.package.contains("cloud-amd64"), "{}", kernel.name);
        }
    }

    #[test]
    fn an_unknown_kernel_is_refused_with_the_known_ones() {
        let error = choose(&["2.4".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("5.10, 6.1"), "{error}");
        assert_eq!(choose(&["6.1".to_owned()]).unwrap().len(), 1);
    }
}
