//! A Debian package around the static program, by cargo-deb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup::CARGO_DEB;
use crate::{shell, statics, workspace};

/// Shells and the file of their completions.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "reapwatch"),
    ("zsh", "_reapwatch"),
    ("fish", "reapwatch.fish"),
];

/// `cargo xtask deb`.
pub(crate) fn main(try_it: bool) -> Result<ExitCode> {
    if try_it {
        let program = statics::build_for_tests()?.reapwatch;
        install(&build(&program, statics::TEST_PROFILE, "debian-check")?)?;
    } else {
        build(&statics::build_shipped()?, "release", "debian")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Packs a program that was built with this profile, with nothing else in that folder of the
/// target directory; the folder.
fn build(program: &Path, profile: &str, folder: &str) -> Result<PathBuf> {
    if workspace::find_program("cargo-deb").is_none() {
        bail!(
            "missing: cargo-deb; `cargo install cargo-deb --version {CARGO_DEB} --locked` installs it"
        );
    }
    generate(program)?;
    let output = workspace::target_dir().join(folder);
    // An older package must not stay.
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

/// Installs it where nothing of this machine changes, has systemd start it, and purges it.
fn install(folder: &Path) -> Result<()> {
    let mut packages = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = packages.next().context("cargo-deb made no package")?;
    let script = workspace::root().join("xtask/src/deb/install.sh");
    let mut unshare = Command::new("unshare");
    unshare.args(["--fork", "--pid", "--mount", "--uts", "--ipc"]);
    unshare.args(["--kill-child", "--mount-proc", "sh"]);
    shell::run(unshare.arg(script).arg(package))
}

/// When the sources were last changed, so that they give the same bytes again.
fn commit_time() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    let output = git.args(["log", "-1", "--format=%ct"]).output().ok()?;
    let time = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!time.is_empty()).then_some(time)
}

/// Manual pages and completions, as the program itself writes them. They lie where the metadata
/// in agent/Cargo.toml looks.
fn generate(program: &Path) -> Result<()> {
    let folder = workspace::root().join("target/deb");
    for part in ["man", "completions"] {
        let part = folder.join(part);
        // What an older program wrote must not stay.
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

/// Those that `--help` lists.
fn commands(program: &Path) -> Result<Vec<String>> {
    let help = shell::read(Command::new(program).arg("--help"))?;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help");
    Ok(commands.map(str::to_owned).collect())
}
