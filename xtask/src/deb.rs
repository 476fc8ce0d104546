//! A Debian package around the static program, by cargo-deb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::image::{build_static, target, target_dir};
use crate::{shell, workspace};

/// The version that the metadata in agent/Cargo.toml was tried with.
pub(crate) const CARGO_DEB: &str = "3.8.0";

/// Commands with a manual page, besides the one of the program; its completions.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "reapwatch"),
    ("zsh", "_reapwatch"),
    ("fish", "reapwatch.fish"),
];

/// `cargo xtask deb`.
pub(crate) fn main() -> Result<ExitCode> {
    if workspace::find_program("cargo-deb").is_none() {
        bail!(
            "missing: cargo-deb; `cargo install cargo-deb --version {CARGO_DEB} --locked` installs it"
        );
    }
    let program = build_static()?;
    generate(&program)?;
    let output = workspace::target_dir().join("debian");
    fs::create_dir_all(&output).with_context(|| format!("make {}", output.display()))?;
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["deb", "--package", "reapwatch", "--no-build", "--no-strip"])
        .args(["--target", &target(), "--output"])
        .arg(&output)
        .env("CARGO_TARGET_DIR", target_dir())
        // The changelog's date, else today's: the same sources give the same bytes.
        .env("SOURCE_DATE_EPOCH", "0");
    shell::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
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
