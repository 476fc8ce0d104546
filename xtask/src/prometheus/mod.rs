//! Prometheus and promtool, of version 3: found on this machine, or unpacked from Debian's package.

pub(crate) mod server;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::{Apt, extract};
use crate::workspace;

/// What is needed, in words.
pub(crate) const WANTED: &str = "prometheus and promtool 3";

/// Programs, and Debian's packages of them.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Debian's suite that has version 3.
const SUITE: &str = "sid";

/// The folder with both programs.
pub(crate) fn folder() -> Option<PathBuf> {
    let on_path = workspace::find_program("prometheus");
    let on_path = on_path.and_then(|path| Some(path.parent()?.to_owned()));
    on_path
        .into_iter()
        .chain([unpacked().join("usr/bin")])
        .find(|folder| {
            PROGRAMS
                .iter()
                .all(|name| is_version_3(&mut Command::new(folder.join(name))))
        })
}

/// Unpacks Debian's package: installing it would start a server on this machine and have it start
/// at each boot.
pub(crate) fn unpack() -> Result<()> {
    let folder = unpacked();
    println!(
        "setup: {WANTED} of Debian {SUITE}, unpacked into {}",
        folder.display()
    );
    let apt = Apt::prepare([SUITE].into_iter())?;
    for program in PROGRAMS {
        let downloads = workspace::temporary("downloads")?;
        let package = apt.download(program, downloads.path())?;
        extract(&package, &folder).with_context(|| format!("unpack {program}"))?;
    }
    Ok(())
}

fn unpacked() -> PathBuf {
    workspace::cache("prometheus")
}

fn is_version_3(program: &mut Command) -> bool {
    let output = program.arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(", version 3."))
}
