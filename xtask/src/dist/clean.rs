//! Follows deploy/README.md in clean Debian systems, from a file of the release to the first
//! `reapwatch culprits`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{apt, host, setup, shell, workspace};

const GUIDE: &str = "deploy/README.md";
/// The sections to follow, and a file that each must install.
const SECTIONS: [(&str, &str); 2] = [
    ("## Debian and Ubuntu", "/usr/share/man/man1/reapwatch.1.gz"),
    (
        "## Other distributions",
        "/usr/local/share/man/man1/reapwatch.1",
    ),
];
const SUITES: [&str; 2] = ["bookworm", "trixie"];
/// Written once a system is complete.
const DONE: &str = "reapwatch-done";

/// Why no clean system can be made here, if so.
pub(crate) fn no_clean_system() -> Option<String> {
    if !host::is_root() || !host::is_debian() {
        return Some("clean systems need root and Debian's debootstrap".to_owned());
    }
    setup::no_debootstrap().or_else(setup::no_packager)
}

/// Installs the release in this folder everywhere.
pub(super) fn check(release: &Path) -> Result<()> {
    let guide = fs::read_to_string(workspace::root().join(GUIDE));
    let guide = guide.with_context(|| format!("read {GUIDE}"))?;
    let _leak = Leak::start()?;
    for suite in SUITES {
        let system = system(suite)?;
        for (section, installed) in SECTIONS {
            let began = Instant::now();
            let commands = commands(&guide, section)?.join("\n");
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh"]);
            command.arg(workspace::root().join("xtask/src/dist/clean.sh"));
            command.arg(&system).arg(release);
            let output = shell::read(command.args([&commands, installed]))
                .with_context(|| format!("{section} of {GUIDE}, on {suite}"))?;
            ensure!(
                output.contains(" hold") && output.contains(" zombie"),
                "`reapwatch culprits` on {suite} shows no parent that leaks:\n{output}"
            );
            let title = section.trim_start_matches("## ");
            let seconds = began.elapsed().as_secs_f64();
            println!("{suite}, {title}: installed, and culprits named, in {seconds:.1} s");
        }
    }
    Ok(())
}

/// A parent with a zombie.
struct Leak(Child);

impl Leak {
    fn start() -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 0 & exec sleep 3600"]);
        let child = shell.stdout(Stdio::null()).spawn();
        Ok(Self(child.context("start a parent that leaks")?))
    }
}

impl Drop for Leak {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The commands of a section, which are indented. In a clean system there is no sudo, and root needs
/// none.
fn commands(guide: &str, section: &str) -> Result<Vec<String>> {
    let mut lines = guide.lines().skip_while(|line| *line != section);
    lines
        .next()
        .with_context(|| format!("{GUIDE} has no section {section:?}"))?;
    let lines = lines.take_while(|line| !line.starts_with("## "));
    let commands = lines.filter_map(|line| line.strip_prefix("    "));
    let commands: Vec<_> = commands.map(|it| it.replace("sudo ", "")).collect();
    ensure!(!commands.is_empty(), "{section} of {GUIDE} has no commands");
    Ok(commands)
}

/// The root of a clean system of this suite, in the cache.
fn system(suite: &str) -> Result<PathBuf> {
    let folder = workspace::cache(&format!("debian-{suite}"));
    if folder.join(DONE).is_file() {
        return Ok(folder);
    }
    // What an interrupted attempt left.
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut debootstrap = Command::new(setup::DEBOOTSTRAP);
    debootstrap.args(["--variant=minbase", "--include=systemd", suite]);
    debootstrap.arg(&folder).arg(apt::mirror_of("/debian")?);
    shell::read(&mut debootstrap)?;
    fs::write(folder.join(DONE), "").context("mark the system as complete")?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_of_a_section_are_those_that_are_indented() {
        let guide = "# A\n\n## B\n\nText.\n\n    sudo x y\n    z\n\nMore.\n\n## C\n\n    other\n";
        assert_eq!(commands(guide, "## B").expect("it is there"), ["x y", "z"]);
        assert!(commands(guide, "## D").is_err());
    }

    #[test]
    fn the_guide_has_each_section_and_names_this_version() {
        let guide = fs::read_to_string(workspace::root().join(GUIDE)).expect("it is there");
        for (section, _) in SECTIONS {
            let commands = commands(&guide, section).expect("it is there").join("\n");
            assert!(commands.contains(super::super::VERSION), "{commands}");
            assert!(commands.contains("reapwatch culprits"), "{commands}");
        }
    }
}
