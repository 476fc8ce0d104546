//! Builds a Debian package of the static program with cargo-deb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup::CARGO_DEB;
use crate::{shell, statics, workspace};

/// Shells, and the names of their completion files.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "reapwatch"),
    ("zsh", "_reapwatch"),
    ("fish", "reapwatch.fish"),
];

/// `cargo xtask deb`.
pub(crate) fn main(check: bool) -> Result<ExitCode> {
    if check {
        let program = statics::build_for_tests()?.reapwatch;
        install(&build(&program, statics::TEST_PROFILE, "debian-check")?)?;
    } else {
        build(&statics::build_shipped()?, "release", "debian")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Packs a program that was built with this profile. Returns the folder of the package, which
/// contains nothing else.
fn build(program: &Path, profile: &str, folder: &str) -> Result<PathBuf> {
    if workspace::find_program("cargo-deb").is_none() {
        bail!("missing: cargo-deb; run `cargo install cargo-deb --version {CARGO_DEB} --locked`");
    }
    generate(program)?;
    let output = workspace::target_dir().join(folder);
    // Remove an older package.
    let _absent = fs::remove_dir_all(&output);
    fs::create_dir_all(&output).with_context(|| format!("make {}", output.display()))?;
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["deb", "--package", "reapwatch", "--no-build", "--no-strip"])
        .args([
            "--profile",
            profile,
            "--target",
            &statics::target(),
            "--output",
        ])
        .arg(&output)
        .env("CARGO_TARGET_DIR", statics::target_dir());
    if let Some(time) = commit_time() {
        command.env("SOURCE_DATE_EPOCH", time);
    }
    shell::run(&mut command)?;
    Ok(output)
}

/// Installs the package in a copy of this machine, starts it with systemd and purges it.
fn install(folder: &Path) -> Result<()> {
    let mut packages = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = packages.next().context("cargo-deb built no package")?;
    let script = workspace::root().join("xtask/src/deb/install.sh");
    let mut unshare = Command::new("unshare");
    unshare.args(["--fork", "--pid", "--mount", "--uts", "--ipc"]);
    unshare.args(["--kill-child", "--mount-proc", "sh"]);
    shell::run(unshare.arg(script).arg(package))
}

/// The time of the last commit, which makes the package reproducible.
fn commit_time() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    let output = git.args(["log", "-1", "--format=%ct"]).output().ok()?;
    let time = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!time.is_empty()).then_some(time)
}

/// Writes manual pages and completions where the metadata in agent/Cargo.toml expects them.
fn generate(program: &Path) -> Result<()> {
    let folder = workspace::root().join("target/deb");
    for part in ["man", "completions"] {
        let part = folder.join(part);
        // Remove what an older program wrote.
        let _absent = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).with_context(|| format!("make {}", part.display()))?;
    }
    let write = |path: PathBuf, arguments: &[&str]| -> Result<()> {
        let text = shell::read(Command::new(program).args(arguments))?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    write(folder.join("man/reapwatch.1"), &["man"])?;
    for command in commands(program)? {
        write(
            folder.join(format!("man/reapwatch-{command}.1")),
            &["man", &command],
        )?;
    }
    for (shell, file) in SHELLS {
        write(
            folder.join("completions").join(file),
            &["completions", shell],
        )?;
    }
    Ok(())
}

/// The commands that `--help` lists.
fn commands(program: &Path) -> Result<Vec<String>> {
    let help = shell::read(Command::new(program).arg("--help"))?;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help");
    Ok(commands.map(str::to_owned).collect())
}
