//! Prometheus and promtool 3, installed on this machine or unpacked from Debian's packages.

pub(crate) mod server;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::{Apt, extract};
use crate::arch::Arch;
use crate::workspace;

/// Names of the programs.
pub(crate) const WANTED: &str = "prometheus and promtool 3";

/// The programs, and the Debian packages of the same names.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// The Debian suite with version 3.
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

/// Unpacks the Debian packages. Installing them would start a server now and at each boot.
pub(crate) fn unpack() -> Result<()> {
    let folder = unpacked();
    println!(
        "setup: {WANTED} of Debian {SUITE}, unpacked into {}",
        folder.display()
    );
    let apt = Apt::prepare(Arch::own(), [SUITE].into_iter())?;
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
