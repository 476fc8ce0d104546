//! The kernels of the matrix, pinned.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::arch::Arch;
use crate::workspace;

/// The part of the cache for kernels.
pub(super) const CACHE: &str = "kernels";

/// One of Debian's kernels for virtual machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kernel {
    /// Its name in the matrix.
    pub(super) name: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) suite: String,
    /// Of the package's file.
    pub(super) sha256: String,
    /// Scenarios that it cannot run. It is a failure if one of them runs, or if another does not.
    #[serde(default)]
    pub(super) lacks: Vec<String>,
    /// The kinds of hooks that it has, if not all.
    pub(super) hooks: Option<Vec<String>>,
    /// Runs only [`Part::Deaths`], and of that all tests only with this kind of hook; with the others
    /// those of deaths.
    #[serde(skip)]
    pub(super) only_in_full: Option<&'static str>,
}

/// The tests that one machine runs. A kernel with all tests gets two machines, so that the longest
/// one does not run when all others are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Deaths, steps, and counts in the kernel, with each kind of hook.
    Deaths,
    /// All others, with the best kind of hook.
    Rest,
}

impl Part {
    /// As the first process of the machine knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Deaths => "deaths",
            Self::Rest => "rest",
        }
    }
}

impl Kernel {
    /// The machines that it needs.
    pub(super) fn parts(&self) -> &'static [Part] {
        match self.only_in_full {
            Some(_) => &[Part::Deaths],
            None => &[Part::Deaths, Part::Rest],
        }
    }

    /// The package in the cache, named after its hash.
    pub(super) fn package_file(&self) -> PathBuf {
        workspace::cache(CACHE).join(format!("{}.deb", self.sha256))
    }

    /// The bootable image, unpacked from that file.
    pub(super) fn image(&self) -> PathBuf {
        workspace::cache(CACHE).join(format!("{}.vmlinuz", self.sha256))
    }
}

/// The kinds of hooks, which the kernels between the oldest and the newest take in turn.
const IN_TURN: [&str; 3] = ["fentry", "kprobe", "tracepoint"];

/// The kernels with these names, each with all tests. Without names the whole matrix, of which only
/// the oldest and the newest run all tests unless `everything` is set.
pub(super) fn choose(arch: Arch, names: &[String], everything: bool) -> Result<Vec<Kernel>> {
    let mut all = all(arch)?;
    if names.is_empty() {
        let newest = all.len().saturating_sub(1);
        if !everything {
            let between = all.iter_mut().take(newest).skip(1);
            for (kernel, hook) in between.zip(IN_TURN.iter().cycle()) {
                kernel.only_in_full = Some(hook);
            }
        }
        return Ok(all);
    }
    let find = |name: &String| {
        let found = all.iter().find(|kernel| kernel.name == *name).cloned();
        found.with_context(|| format!("no kernel `{name}`, there are: {}", list(&all)))
    };
    names.iter().map(find).collect()
}

fn all(arch: Arch) -> Result<Vec<Kernel>> {
    let text = match arch {
        Arch::Amd64 => include_str!("kernels.json"),
        Arch::Arm64 => include_str!("kernels-arm64.json"),
    };
    serde_json::from_str(text).context("parse the list of kernels")
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
        for arch in [Arch::Amd64, Arch::Arm64] {
            for kernel in all(arch).unwrap() {
                assert_eq!(kernel.sha256.len(), 64, "{}", kernel.name);
                assert!(kernel.package.ends_with(&format!("cloud-{arch}")));
            }
        }
    }

    #[test]
    fn the_oldest_and_the_newest_always_run_everything() {
        let chosen = choose(Arch::Amd64, &[], false).unwrap();
        let whole = chosen.iter().filter(|kernel| kernel.only_in_full.is_none());
        let names: Vec<_> = whole.map(|kernel| kernel.name.as_str()).collect();
        assert_eq!(names, ["5.10", "7.3"]);
        let all = choose(Arch::Amd64, &[], true).unwrap();
        assert!(all.iter().all(|kernel| kernel.only_in_full.is_none()));
    }

    #[test]
    fn an_unknown_kernel_is_refused_with_the_known_ones() {
        let error = choose(Arch::Amd64, &["2.4".to_owned()], false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("5.10, 6.1"), "{error}");
        assert_eq!(
            choose(Arch::Amd64, &["6.1".to_owned()], false)
                .unwrap()
                .len(),
            1
        );
    }
}
