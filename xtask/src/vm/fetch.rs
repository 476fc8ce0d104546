//! Downloads kernels into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::kernels::{CACHE, Kernel};
use crate::apt::{Apt, extract};
use crate::arch::Arch;
use crate::sidecar::sha256;
use crate::workspace;

/// Downloads the kernels that are not in the cache, side by side. Returns a result for each kernel.
pub(super) fn ensure_all(arch: Arch, kernels: &[Kernel]) -> Vec<Result<()>> {
    let missing: Vec<_> = kernels.iter().filter(|kernel| !is_there(kernel)).collect();
    let apt = if missing.is_empty() {
        Ok(None)
    } else {
        Apt::prepare(arch, missing.iter().map(|kernel| kernel.suite.as_str())).map(Some)
    };
    thread::scope(|scope| {
        let apt = &apt;
        let threads: Vec<_> = kernels
            .iter()
            .map(|kernel| scope.spawn(move || ensure_one(kernel, apt)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| bail!("the download thread panicked"))
            })
            .collect()
    })
}

fn is_there(kernel: &Kernel) -> bool {
    let bytes = fs::read(kernel.package_file());
    bytes.is_ok_and(|bytes| sha256(&bytes) == kernel.sha256)
}

fn ensure_one(kernel: &Kernel, apt: &Result<Option<Apt>>) -> Result<()> {
    if !is_there(kernel) {
        match apt {
            Ok(Some(apt)) => download(apt, kernel)?,
            Ok(None) => bail!("it disappeared from the cache"),
            Err(error) => bail!("{error:#}"),
        }
    }
    if !kernel.image().is_file() {
        unpack(kernel)?;
    }
    Ok(())
}

/// The image is in boot, and since 6.19 in the folder of the modules.
fn unpack(kernel: &Kernel) -> Result<()> {
    let folder = workspace::temporary(CACHE)?;
    extract(&kernel.package_file(), folder.path())?;
    let places = [
        folder.path().join("boot"),
        folder.path().join("usr/lib/modules"),
    ];
    let image = places.iter().find_map(|place| find_image(place));
    let image = image.with_context(|| format!("{} has no vmlinuz", kernel.package))?;
    fs::rename(&image, kernel.image()).context("keep the image")
}

fn find_image(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut paths = entries.flat_map(|entry| [entry.path(), entry.path().join("vmlinuz")]);
    paths.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && name.starts_with("vmlinuz")
    })
}

fn download(apt: &Apt, kernel: &Kernel) -> Result<()> {
    let folder = workspace::temporary(CACHE)?;
    let name = format!("{}={}", kernel.package, kernel.version);
    let file = apt.download(&name, folder.path())?;
    let found = sha256(&fs::read(&file)?);
    ensure!(
        found == kernel.sha256,
        "{} {} has sha256 {found}, not the pinned {}",
        kernel.package,
        kernel.version,
        kernel.sha256
    );
    fs::rename(file, kernel.package_file()).context("keep the package")
}
