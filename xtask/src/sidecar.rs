//! The sidecar of the checked-in kernel object, which shows whether the object fits its sources.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// The checked-in object, from the workspace's root.
pub(crate) const OBJECT: &str = "ebpf/prebuilt/reapwatch.bpf.o";
/// Its sidecar.
pub(crate) const SIDECAR: &str = "ebpf/prebuilt/reapwatch.bpf.json";

/// The sidecar's content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    /// [`hash_sources`] of what the object was built from.
    pub(crate) sources_sha256: String,
    /// Hash of the object itself.
    pub(crate) object_sha256: String,
    /// Versions of the tools; other versions need not give the same bytes.
    pub(crate) tools: Tools,
}

/// The tools that decide the object's bytes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tools {
    /// `rustc --version`.
    pub(crate) rustc: String,
    /// `bpf-linker --version`.
    pub(crate) bpf_linker: String,
}

impl Sidecar {
    /// Reads the sidecar of the workspace at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join(SIDECAR);
        let text = fs::read(&path)
            .with_context(|| format!("read {SIDECAR}; `cargo xtask ebpf` writes it"))?;
        serde_json::from_slice(&text).with_context(|| format!("parse {SIDECAR}"))
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The SHA-256 of all sources of the object: `ebpf/src/**`, `ebpf/Cargo.toml` and the locked
/// versions of the crates that are compiled into it.
pub(crate) fn hash_sources(root: &Path) -> Result<String> {
    let mut files = vec![root.join("ebpf/Cargo.toml")];
    for entry in WalkDir::new(root.join("ebpf/src")) {
        let entry = entry.context("list ebpf/src")?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    files.sort();
    let mut list = String::new();
    for file in &files {
        let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(file).display();
        let _ = writeln!(list, "{} {name}", sha256(&bytes));
    }
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("read Cargo.lock")?;
    list.push_str(&kernel_crates(&lock));
    Ok(sha256(list.as_bytes()))
}

/// Name, version and checksum of each locked crate that is compiled for the kernel.
fn kernel_crates(lock: &str) -> String {
    let kernel_side = |package: &&str| {
        ["aya-ebpf", "aya-log-", "zerocopy"]
            .iter()
            .any(|name| package.contains(&format!("\nname = \"{name}")))
    };
    let identity = |line: &&str| {
        ["name", "version", "checksum"]
            .iter()
            .any(|key| line.starts_with(&format!("{key} = ")))
    };
    let mut list = String::new();
    for package in lock.split("[[package]]").filter(kernel_side) {
        let _ = writeln!(
            list,
            "{}",
            package
                .lines()
                .filter(identity)
                .collect::<Vec<_>>()
                .join(" ")
        );
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_checked_in_object_was_built_from_these_sources() {
        let sidecar = Sidecar::read(workspace::root()).unwrap();
        assert_eq!(
            sidecar.sources_sha256,
            hash_sources(workspace::root()).unwrap(),
            "the kernel side changed since {OBJECT} was built: run `cargo xtask ebpf`"
        );
    }

    #[test]
    fn the_checked_in_object_matches_its_sidecar() {
        let sidecar = Sidecar::read(workspace::root()).unwrap();
        let object = fs::read(workspace::root().join(OBJECT)).unwrap();
        assert_eq!(
            sidecar.object_sha256,
            sha256(&object),
            "run `cargo xtask ebpf`"
        );
    }

    #[test]
    fn a_change_of_a_source_file_or_of_a_kernel_crate_changes_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir_all(folder.path().join("ebpf/src")).unwrap();
        write("ebpf/Cargo.toml", "");
        write("ebpf/src/lib.rs", "one");
        write(
            "Cargo.lock",
            "[[package]]\nname = \"aya-ebpf\"\nversion = \"1.0.0\"\n",
        );
        let first = hash_sources(folder.path()).unwrap();
        write("ebpf/src/lib.rs", "two");
        let second = hash_sources(folder.path()).unwrap();
        write(
            "Cargo.lock",
            "[[package]]\nname = \"aya-ebpf\"\nversion = \"1.0.1\"\n",
        );
        let third = hash_sources(folder.path()).unwrap();
        write(
            "Cargo.lock",
            "[[package]]\nname = \"aya-ebpf\"\nversion = \"1.0.1\"\n\n[[package]]\nname = \"other\"\nversion = \"1.0.0\"\n",
        );
        let fourth = hash_sources(folder.path()).unwrap();
        assert_ne!(first, second);
        assert_ne!(second, third);
        assert_eq!(third, fourth);
    }
}
