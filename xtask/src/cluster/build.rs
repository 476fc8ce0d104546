//! Builds the programs into the cache, in about five minutes on two CPUs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::programs::{BUILT, CACHE, PACKAGED, WANTED, folder};
use crate::apt::{Apt, extract};
use crate::{shell, workspace};

/// The Debian suite of source and packages, whose Go builds them.
const SUITE: &str = "bookworm";
/// The import path of the repository.
const REPOSITORY: &str = "k8s.io/kubernetes";
const REFLECT2: &str = "github.com/modern-go/reflect2";
/// Files with this mark are described in the API server's OpenAPI document.
const MARKS: [&str; 2] = ["+k8s:openapi-gen=true", "+k8s:openapi-gen=x-"];
/// Folders whose types no server serves.
const OTHERS: [&str; 5] = ["test", "testing", "testdata", "_examples", "code-generator"];

/// Downloads the source, builds the programs, and unpacks Debian's packages beside them.
pub(crate) fn build() -> Result<()> {
    println!("setup: {WANTED}, from Debian's sources: takes some minutes and 3 GB for the time");
    let apt = Apt::prepare_with_sources([SUITE].into_iter())?;
    let made = workspace::temporary(CACHE)?;
    for (package, _) in PACKAGED {
        let downloads = workspace::temporary("downloads")?;
        let file = apt.download(package, downloads.path())?;
        extract(&file, made.path()).with_context(|| format!("unpack {package}"))?;
    }
    let work = workspace::temporary(CACHE)?;
    let go = Go::unpack(&apt, work.path())?;
    go.replace_reflect2(&apt, work.path())?;
    go.generate()?;
    let programs = made.path().join("usr/bin");
    for name in BUILT {
        println!("setup: {name}");
        let mut build = go.command();
        build.args(["build", "-ldflags=-s -w", "-o"]).arg(&programs);
        shell::run(build.arg(format!("./cmd/{name}")))?;
    }
    // The folder appears only when it is complete.
    fs::rename(made.path(), folder()).with_context(|| format!("make {}", folder().display()))
}

/// The source in a tree of its own, as Go wants it without modules.
struct Go {
    tree: PathBuf,
    source: PathBuf,
}

impl Go {
    fn unpack(apt: &Apt, folder: &Path) -> Result<Self> {
        let downloads = workspace::temporary("downloads")?;
        let archive = apt.download_source("kubernetes", downloads.path())?;
        let unpacked = folder.join("source");
        fs::create_dir_all(&unpacked).context("make a folder for the source")?;
        let mut tar = Command::new("tar");
        tar.args(["--strip-components=1", "-xzf"]).arg(&archive);
        shell::run(tar.arg("-C").arg(&unpacked))?;
        let tree = folder.join("tree");
        let source = tree.join("src").join(REPOSITORY);
        fs::create_dir_all(source.with_file_name("")).context("make Go's tree")?;
        symlink(&unpacked, &source).context("put the source into Go's tree")?;
        Ok(Self { tree, source })
    }

    /// The version in the source misreads maps if Go is 1.18 or newer, which crashes the API server
    /// sooner or later. Debian's is newer.
    fn replace_reflect2(&self, apt: &Apt, folder: &Path) -> Result<()> {
        let downloads = workspace::temporary("downloads")?;
        let unpacked = folder.join("reflect2");
        let package = apt.download("golang-github-modern-go-reflect2-dev", downloads.path())?;
        extract(&package, &unpacked).context("unpack reflect2")?;
        let old = self.source.join("vendor").join(REFLECT2);
        fs::remove_dir_all(&old).context("remove the old reflect2")?;
        let new = unpacked.join("usr/share/gocode/src").join(REFLECT2);
        fs::rename(new, old).context("replace reflect2")
    }

    /// Writes the one generated file that the source lacks: the description of the API's types.
    fn generate(&self) -> Result<()> {
        let packages: Vec<_> = self.described()?.into_iter().collect();
        let mut generate = self.command();
        generate
            .args(["run", "./vendor/k8s.io/kube-openapi/cmd/openapi-gen"])
            .args(["-i", &packages.join(",")])
            .args(["-p", "k8s.io/kubernetes/pkg/generated/openapi"])
            .args(["-O", "zz_generated.openapi"])
            .args(["-h", "hack/boilerplate/boilerplate.generatego.txt", "-r"])
            .arg(self.tree.join("violations"))
            .arg("--output-base")
            .arg(self.tree.join("src"));
        shell::run(&mut generate)
    }

    /// The packages with a marked file.
    fn described(&self) -> Result<BTreeSet<String>> {
        let mut packages = BTreeSet::new();
        for (below, vendored) in [("staging/src", "/vendor"), ("pkg", "/pkg")] {
            let root = self.source.join(below);
            let files = WalkDir::new(&root).into_iter().filter_entry(|entry| {
                let name = entry.file_name().to_string_lossy();
                !OTHERS.contains(&&*name) && !name.starts_with("sample-")
            });
            for entry in files {
                let entry = entry.context("list the source")?;
                let path = entry.path();
                if path.extension().is_none_or(|end| end != "go") {
                    continue;
                }
                let text = fs::read_to_string(path).context("read the source")?;
                let package = path.parent().context("it has no folder")?;
                if MARKS.iter().any(|mark| text.contains(mark)) {
                    let package = package.strip_prefix(&root)?.display();
                    packages.insert(format!("{REPOSITORY}{vendored}/{package}"));
                }
            }
        }
        Ok(packages)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("go");
        command
            .current_dir(&self.source)
            .env("GOPATH", &self.tree)
            .env("GO111MODULE", "off")
            .env("GOCACHE", self.tree.join("cache"))
            .env_remove("GOFLAGS")
            // Go finds the tree by the path, not by where its link leads.
            .env("PWD", &self.source);
        command
    }
}
