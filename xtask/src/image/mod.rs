//! A container image that contains only the agent, as an archive that every runtime can load.

mod layout;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

pub(crate) use self::layout::{Content, File, archive};
use crate::arch::Arch;
use crate::cli;
use crate::crates::{self, Crates};
use crate::sidecar::sha256;
use crate::{statics, workspace};

const LICENCES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-GPL2", "LICENSE-MIT"];

/// `cargo xtask image`.
pub(crate) fn main(options: &cli::Image) -> Result<ExitCode> {
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| workspace::target_dir().join("image/reapwatch.tar"));
    let bytes = build(
        &options.name,
        &statics::build_shipped(options.arch)?,
        options.arch,
    )?;
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(&output, &bytes).with_context(|| format!("write {}", output.display()))?;
    println!("{}", output.display());
    println!("name   {}", options.name);
    println!("bytes  {}", bytes.len());
    println!("sha256 {}", sha256(&bytes));
    Ok(ExitCode::SUCCESS)
}

/// The archive of the agent's image, with this name.
pub(crate) fn build(name: &str, program: &Path, arch: Arch) -> Result<Vec<u8>> {
    let mut files = vec![File::program("reapwatch", statics::read(program)?)];
    for name in LICENCES {
        let text = statics::read(&workspace::root().join(name))?;
        files.push(File::text(&format!("licenses/{name}"), text));
    }
    let licences = crates::licences(&Crates::of_agent(arch)?)?;
    let path = format!("licenses/{}", crates::LICENCES);
    files.push(File::text(&path, licences.into_bytes()));
    archive(name, arch.debian(), &AGENT, &files)
}

/// The agent's image.
const AGENT: Content = Content {
    title: "reapwatch",
    entrypoint: &["/reapwatch"],
    arguments: &["agent"],
    port: Some("9991/tcp"),
    folders: &["licenses/", "run/", "run/reapwatch/"],
};
