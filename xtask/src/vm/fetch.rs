//! Brings kernels into the cache: by apt, from the mirror that this machine uses already, with
//! apt state of our own, so that nothing of the machine's changes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::kernels::{Kernel, cache};
use crate::shell;
use crate::sidecar::sha256;

/// Debian's keys, from the package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches what the cache lacks, side by side; for each kernel why it cannot be had, if so.
pub(super) fn ensure_all(kernels: &[Kernel]) -> Vec<Result<()>> {
    let missing: Vec<_> = kernels.iter().filter(|kernel| !is_there(kernel)).collect();
    let apt = if missing.is_empty() {
        Ok(None)
    } else {
        Apt::prepare(&missing).map(Some)
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
                    .unwrap_or_else(|_| bail!("the fetching panicked"))
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
            Ok(Some(apt)) => apt.download(kernel)?,
            Ok(None) => bail!("it went from the cache meanwhile"),
            Err(error) => bail!("{error:#}"),
        }
    }
    if !kernel.image().is_file() {
        unpack(kernel)?;
    }
    Ok(())
}

/// The image lies in boot, and from 6.19 on in the modules' folder.
fn unpack(kernel: &Kernel) -> Result<()> {
    let folder = tempfile::tempdir_in(cache()).context("make a temporary folder")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(kernel.package_file());
    shell::run(unpack.arg(folder.path()))?;
    let places = [
        folder.path().join("boot"),
        folder.path().join("usr/lib/modules"),
    ];
    let image = places.iter().find_map(|place| find_image(place));
    let image = image.with_context(|| format!("{} holds no vmlinuz", kernel.package))?;
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

/// apt with lists of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Makes it know the suites of these kernels.
    fn prepare(kernels: &[&Kernel]) -> Result<Self> {
        let apt = Self {
            folder: cache().join("apt"),
        };
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let path = apt.folder.join(part);
            fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        }
        fs::write(apt.folder.join("state/status"), "").context("make an empty status file")?;
        let suites: BTreeSet<_> = kernels.iter().map(|kernel| &kernel.suite).collect();
        let mut sources = String::new();
        for suite in suites {
            let archive = archive_of(suite);
            let uri = mirror_of(archive)?;
            writeln!(
                sources,
                "deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main"
            )?;
        }
        fs::write(apt.folder.join("sources.list"), sources).context("write sources.list")?;
        apt.write_config()?;
        shell::run(apt.command().arg("update"))?;
        Ok(apt)
    }

    fn download(&self, kernel: &Kernel) -> Result<()> {
        let folder = tempfile::tempdir_in(cache()).context("make a temporary folder")?;
        let mut download = self.command();
        download.arg("download").current_dir(&folder);
        shell::run(download.arg(format!("{}={}", kernel.package, kernel.version)))?;
        let entry = fs::read_dir(&folder)?.next().context("no file came")??;
        let bytes = fs::read(entry.path())?;
        let found = sha256(&bytes);
        ensure!(
            found == kernel.sha256,
            "{} {} has sha256 {found}, not the pinned {}",
            kernel.package,
            kernel.version,
            kernel.sha256
        );
        fs::rename(entry.path(), kernel.package_file()).context("keep the package")
    }

    /// The file that keeps apt from the machine's own lists and caches.
    fn write_config(&self) -> Result<()> {
        let folder = self.folder.display();
        let config = format!(
            "Dir::State \"{folder}/state\";\n\
             Dir::State::status \"{folder}/state/status\";\n\
             Dir::Cache \"{folder}/cache\";\n\
             Dir::Etc::sourcelist \"{folder}/sources.list\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             APT::Architecture \"amd64\";\n\
             APT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n"
        );
        fs::write(self.config(), config).context("write apt.conf")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").env("APT_CONFIG", self.config());
        command
    }
}

/// The archive that a suite belongs to, which is how its address ends.
fn archive_of(suite: &str) -> &'static str {
    if suite.ends_with("-security") {
        "/debian-security"
    } else {
        "/debian"
    }
}

/// Where this machine's own apt gets that archive from.
fn mirror_of(archive: &str) -> Result<String> {
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]);
    let known = shell::read(&mut command)?;
    find_mirror(&known, archive)
        .with_context(|| format!("the sources of this machine's apt name no …{archive}"))
}

fn find_mirror(known: &str, archive: &str) -> Option<String> {
    let mut mirrors = known.lines().map(|line| line.trim_end_matches('/'));
    mirrors
        .find(|mirror| mirror.ends_with(archive))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_told_by_its_end() {
        let known = "http://a.example/debian-security/\nhttp://b.example/debian/\n";
        let main = find_mirror(known, archive_of("trixie-backports"));
        assert_eq!(main.as_deref(), Some("http://b.example/debian"));
        let security = find_mirror(known, archive_of("bullseye-security"));
        assert_eq!(
            security.as_deref(),
            Some("http://a.example/debian-security")
        );
        assert_eq!(find_mirror("", "/debian"), None);
    }
}
