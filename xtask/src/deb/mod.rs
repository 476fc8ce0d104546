//! Builds a Debian package of the static program with cargo-deb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::crates::{self, Crates};
use crate::setup::CARGO_DEB;
use crate::{shell, statics, workspace};

/// Shells, the names of their completion files, and the folders below `share` for those that come
/// from no package.
pub(crate) const SHELLS: [(&str, &str, &str); 3] = [
    ("bash", "reapwatch", "bash-completion/completions"),
    ("zsh", "_reapwatch", "zsh/site-functions"),
    ("fish", "reapwatch.fish", "fish/vendor_completions.d"),
];

/// `cargo xtask deb`.
pub(crate) fn main(check: bool) -> Result<ExitCode> {
    ensure_possible()?;
    if check {
        let program = statics::build_for_tests()?.reapwatch;
        install(&build(
            &program,
            statics::TEST_PROFILE,
            "debian-check",
            Arch::own(),
        )?)?;
    } else {
        build(
            &statics::build_shipped(Arch::own())?,
            "release",
            "debian",
            Arch::own(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if no package can be built here, before the program is built for it.
pub(crate) fn ensure_possible() -> Result<()> {
    if workspace::find_program("cargo-deb").is_none() {
        bail!("missing: cargo-deb; run `cargo install cargo-deb --version {CARGO_DEB} --locked`");
    }
    workspace::source_date().map(drop)
}

/// Packs a program that was built with this profile, after writing its manual pages and completions.
/// Returns the package, which is alone in its folder.
pub(crate) fn build(program: &Path, profile: &str, folder: &str, arch: Arch) -> Result<PathBuf> {
    generate(program, arch)?;
    let output = workspace::target_dir().join(folder);
    // Remove an older package.
    let _absent = fs::remove_dir_all(&output);
    fs::create_dir_all(&output).with_context(|| format!("make {}", output.display()))?;
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["deb", "--package", "reapwatch", "--no-build", "--no-strip"])
        .args(["--profile", profile, "--target", &arch.target(), "--output"])
        .arg(&output)
        .env("CARGO_TARGET_DIR", statics::target_dir(arch))
        .env("SOURCE_DATE_EPOCH", workspace::source_date()?.to_string());
    shell::run(&mut command)?;
    let mut packages = workspace::listed(&output)?.into_iter();
    packages.next().context("cargo-deb built no package")
}

/// Installs the package in a copy of this machine, starts it with systemd and purges it.
fn install(package: &Path) -> Result<()> {
    let script = workspace::root().join("xtask/src/deb/install.sh");
    let mut unshare = Command::new("unshare");
    unshare.args(["--fork", "--pid", "--mount", "--uts", "--ipc"]);
    unshare.args(["--kill-child", "--mount-proc", "sh"]);
    shell::run(unshare.arg(script).arg(package))
}

/// The list of contents, among the documents.
pub(crate) const SBOM: &str = "sbom.cdx.json";

/// The folder of documents that are generated.
pub(crate) fn documents() -> PathBuf {
    pages().join("doc")
}

/// The folder of manual pages and completions, where the metadata in agent/Cargo.toml expects them.
pub(crate) fn pages() -> PathBuf {
    workspace::root().join("target/deb")
}

fn generate(program: &Path, arch: Arch) -> Result<()> {
    let folder = pages();
    for part in ["man", "completions", "doc"] {
        let part = folder.join(part);
        // Remove what an older program wrote.
        let _absent = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).with_context(|| format!("make {}", part.display()))?;
    }
    let write = |path: PathBuf, arguments: &[&str]| -> Result<()> {
        let text = shell::read(arch.run(program).args(arguments))?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    let crates = Crates::of_agent(arch)?;
    fs::write(
        documents().join(SBOM),
        crates::sbom(&crates, program, arch)?,
    )?;
    let licences = documents().join(crates::LICENCES);
    fs::write(licences, crates::licences(&crates)?)?;
    write(folder.join("man/reapwatch.1"), &["man"])?;
    for command in commands(program, arch)? {
        write(
            folder.join(format!("man/reapwatch-{command}.1")),
            &["man", &command],
        )?;
    }
    for (shell, file, _) in SHELLS {
        write(
            folder.join("completions").join(file),
            &["completions", shell],
        )?;
    }
    Ok(())
}

/// The commands that `--help` lists.
fn commands(program: &Path, arch: Arch) -> Result<Vec<String>> {
    let help = shell::read(arch.run(program).arg("--help"))?;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help");
    Ok(commands.map(str::to_owned).collect())
}
