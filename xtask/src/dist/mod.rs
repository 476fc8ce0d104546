//! What a release consists of: archive, Debian package, image, chart, list of contents, checksums.
//!
//! The same sources and compiler give the same bytes: no time but that of the commit, no path of this
//! machine, one order.

mod chart;
mod clean;
mod copy;
mod tarball;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::arch::Arch;
use crate::sidecar::sha256;
use crate::{cli, deb, image, statics, workspace};

pub(crate) use self::clean::no_clean_system;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The checksums of the other files, for `sha256sum --check`.
const SUMS: &str = "SHA256SUMS";

/// `cargo xtask dist`.
pub(crate) fn main(options: &cli::Dist) -> Result<ExitCode> {
    deb::ensure_possible()?;
    if options.check {
        let program = statics::build_for_tests()?.reapwatch;
        let folder = release(&program, statics::TEST_PROFILE, "dist-check", Arch::own())?;
        clean::check(&folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let arch = options.arch;
    let name = if arch.is_own() {
        "dist".to_owned()
    } else {
        format!("dist-{arch}")
    };
    let folder = release(&statics::build_shipped(arch)?, "release", &name, arch)?;
    if options.twice {
        let again = copy::build(arch)?;
        let again = release(&again, "release", "dist-again", arch)?;
        let sums = |folder: &Path| fs::read_to_string(folder.join(SUMS));
        let (first, second) = (sums(&folder)?, sums(&again)?);
        ensure!(
            first == second,
            "the second build differs:\n{first}\n{second}"
        );
        println!("dist: a build in another folder gave the same bytes");
    }
    print!("{}", fs::read_to_string(folder.join(SUMS))?);
    println!("dist: {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes all files of a release from this program, in a folder of the target directory.
fn release(program: &Path, profile: &str, name: &str, arch: Arch) -> Result<PathBuf> {
    let package = deb::build(program, profile, name, arch)?;
    let folder = package
        .parent()
        .context("a package is in a folder")?
        .to_owned();
    let tarball = tarball::build(program, arch)?;
    let sbom = statics::read(&deb::documents().join(deb::SBOM))?;
    let image = image::build(cli::IMAGE, program, arch)?;
    for (name, bytes) in [
        (format!("{}.tar.gz", tarball::name(arch)), tarball),
        (format!("reapwatch-{VERSION}-{arch}-image.tar"), image),
        (chart::file_name(), chart::build()?),
        (
            format!("reapwatch-{VERSION}-{}.cdx.json", arch.rust()),
            sbom,
        ),
    ] {
        write(&folder.join(name), &bytes)?;
    }
    write(&folder.join(SUMS), sums(&folder)?.as_bytes())?;
    Ok(folder)
}

/// The checksums of all files of a folder.
fn sums(folder: &Path) -> Result<String> {
    let mut sums = String::new();
    for path in workspace::listed(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(sums, "{}  {name}", sha256(&statics::read(&path)?))?;
    }
    Ok(sums)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
