//! The crates that a program is made of, from `cargo metadata` and Cargo.lock.

mod licences;
mod sbom;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context, Result};
use serde::Deserialize;

pub(crate) use self::licences::{LICENCES, licences};
pub(crate) use self::sbom::sbom;
use crate::arch::Arch;
use crate::{shell, workspace};

/// The crates of one program for one target.
#[derive(Debug)]
pub(crate) struct Crates {
    /// By name and version.
    packages: BTreeMap<Id, Package>,
    nodes: BTreeMap<Id, Vec<Needed>>,
    linked: BTreeSet<Id>,
    /// Build scripts, procedural macros, and what they need.
    at_build: BTreeSet<Id>,
}

type Id = String;

/// A crate.
#[derive(Debug, Deserialize)]
struct Package {
    id: Id,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
    targets: Vec<Target>,
    /// From Cargo.lock.
    #[serde(skip)]
    checksum: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    deps: Vec<Needed>,
}

#[derive(Debug, Deserialize)]
struct Needed {
    pkg: Id,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// `None` for a normal one.
    kind: Option<String>,
}

impl Needed {
    fn is(&self, kind: Option<&str>) -> bool {
        self.dep_kinds.iter().any(|it| it.kind.as_deref() == kind)
    }
}

impl Package {
    /// Whether it is from elsewhere.
    fn is_foreign(&self) -> bool {
        self.source.is_some()
    }

    fn is_macro(&self) -> bool {
        let kinds = self.targets.iter().flat_map(|target| &target.kind);
        kinds.into_iter().any(|kind| kind == "proc-macro")
    }
}

impl Crates {
    /// Those of the agent.
    pub(crate) fn of_agent(arch: Arch) -> Result<Self> {
        let mut cargo = Command::new(workspace::cargo());
        cargo.current_dir(workspace::root());
        cargo.args(["metadata", "--format-version", "1", "--locked"]);
        let text = shell::read(cargo.args(["--filter-platform", &arch.target()]))?;
        let metadata = serde_json::from_str(&text).context("parse cargo's metadata")?;
        let lock = fs::read_to_string(workspace::root().join("Cargo.lock"));
        Self::find("reapwatch", metadata, &lock.context("read Cargo.lock")?)
    }

    fn find(program: &str, metadata: Metadata, lock: &str) -> Result<Self> {
        let checksums = checksums(lock);
        let packages = metadata.packages.into_iter().map(|mut package| {
            let key = (package.name.clone(), package.version.clone());
            package.checksum = checksums.get(&key).cloned();
            (package.id.clone(), package)
        });
        let nodes = metadata.resolve.nodes.into_iter();
        let mut crates = Self {
            packages: packages.collect(),
            nodes: nodes.map(|node| (node.id, node.deps)).collect(),
            linked: BTreeSet::new(),
            at_build: BTreeSet::new(),
        };
        let mut named = crates.packages.values().filter(|it| it.name == program);
        let root = named
            .next()
            .with_context(|| format!("there is no {program}"))?;
        let root = root.id.clone();
        crates.linked = crates.reached(&root, |crates, needed| {
            needed.is(None) && !crates.packages[&needed.pkg].is_macro()
        });
        let all = crates.reached(&root, |_, needed| {
            needed.is(None) || needed.is(Some("build"))
        });
        crates.at_build = all.difference(&crates.linked).cloned().collect();
        Ok(crates)
    }

    fn reached(&self, root: &Id, follows: impl Fn(&Self, &Needed) -> bool) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        let mut left = vec![root.clone()];
        while let Some(id) = left.pop() {
            if !found.insert(id.clone()) {
                continue;
            }
            let needed = self.nodes.get(&id).into_iter().flatten();
            let needed = needed.filter(|needed| follows(self, needed));
            left.extend(needed.map(|needed| needed.pkg.clone()));
        }
        found
    }

    /// The crates whose code is in the program.
    fn linked(&self) -> impl Iterator<Item = &Package> {
        self.sorted(&self.linked)
    }

    /// The crates that only run while it is built.
    fn at_build(&self) -> impl Iterator<Item = &Package> {
        self.sorted(&self.at_build)
    }

    /// What each linked crate needs of the others.
    fn edges(&self) -> impl Iterator<Item = (&Package, Vec<&Package>)> {
        self.linked().map(|package| {
            let needed = self.nodes.get(&package.id).into_iter().flatten();
            let ids: BTreeSet<_> = needed.map(|needed| needed.pkg.clone()).collect();
            let ids: BTreeSet<_> = ids.intersection(&self.linked).cloned().collect();
            (package, self.sorted(&ids).collect())
        })
    }

    /// By name and version: ids have paths of this machine.
    fn sorted(&self, ids: &BTreeSet<Id>) -> impl Iterator<Item = &Package> + use<'_> {
        let mut packages: Vec<_> = ids.iter().filter_map(|id| self.packages.get(id)).collect();
        packages.sort_by_key(|package| (&package.name, &package.version));
        packages.into_iter()
    }
}

/// The checksums in a Cargo.lock, whose lines are `key = "value"` below `[[package]]`.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let field = |block: &str, name: &str| {
        let mut lines = block.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        Some(value.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]");
    let found = blocks.filter_map(|block| {
        let key = (field(block, "name")?, field(block, "version")?);
        iter::zip([key], field(block, "checksum")).next()
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_linked_and_what_only_runs_at_build_time() {
        let package = |name: &str, kind: &str| {
            json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT",
                "manifest_path": "/x", "source": "registry", "targets": [{"kind": [kind]}],
            })
        };
        let needs =
            |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let node = |name: &str, deps: &[serde_json::Value]| json!({"id": name, "deps": deps});
        let metadata = json!({
            "packages": [
                package("app", "bin"), package("lib", "lib"), package("derive", "proc-macro"),
                package("syn", "lib"), package("cc", "lib"), package("test", "lib"),
            ],
            "resolve": {"nodes": [
                node("app", &[needs("lib", None), needs("derive", None), needs("test", Some("dev"))]),
                node("lib", &[needs("cc", Some("build"))]),
                node("derive", &[needs("syn", None)]),
                node("syn", &[]), node("cc", &[]), node("test", &[]),
            ]},
        });
        let metadata = serde_json::from_value(metadata).expect("it is complete");
        let lock = "[[package]]\nname = \"lib\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n";
        let crates = Crates::find("app", metadata, lock).expect("it is there");
        let names = |packages: Vec<&Package>| -> Vec<String> {
            packages
                .iter()
                .map(|package| package.name.clone())
                .collect()
        };
        assert_eq!(names(crates.linked().collect()), ["app", "lib"]);
        assert_eq!(names(crates.at_build().collect()), ["cc", "derive", "syn"]);
        let lib = crates.linked().last().expect("two");
        assert_eq!(lib.checksum.as_deref(), Some("ab"));
        let (_, needed) = crates.edges().next().expect("two");
        assert_eq!(names(needed), ["lib"]);
    }
}
