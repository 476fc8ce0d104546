//! Downloads Debian packages of any suite from the mirror of this machine's apt, with a separate apt
//! state that leaves the machine's own unchanged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::arch::Arch;
use crate::{shell, workspace};

/// Debian's keys, from the package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt with its own lists.
pub(crate) struct Apt {
    folder: TempDir,
}

impl Apt {
    /// Fetches the lists of the binary packages of these suites.
    pub(crate) fn prepare<'a>(arch: Arch, suites: impl Iterator<Item = &'a str>) -> Result<Self> {
        Self::fetch(&["deb"], arch, suites)
    }

    /// The same, and the lists of their source packages.
    pub(crate) fn prepare_with_sources<'a>(suites: impl Iterator<Item = &'a str>) -> Result<Self> {
        Self::fetch(&["deb", "deb-src"], Arch::own(), suites)
    }

    fn fetch<'a>(
        kinds: &[&str],
        arch: Arch,
        suites: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let suites: BTreeSet<_> = suites.collect();
        let folder = workspace::temporary("apt")?;
        let apt = Self { folder };
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let path = apt.folder.path().join(part);
            fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        }
        fs::write(apt.folder.path().join("state/status"), "")
            .context("make an empty status file")?;
        let mut sources = String::new();
        for suite in suites {
            let archive = archive_of(suite);
            let uri = mirror_of(archive)?;
            for kind in kinds {
                let options = format!("[arch={arch} signed-by={KEYRING}]");
                writeln!(sources, "{kind} {options} {uri} {suite} main")?;
            }
        }
        fs::write(apt.folder.path().join("sources.list"), sources).context("write sources.list")?;
        apt.write_config(arch)?;
        shell::run(apt.command().arg("update"))?;
        Ok(apt)
    }

    /// Downloads a package (`name` or `name=version`) into `folder` and returns its file.
    pub(crate) fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        self.download_as(&["download", package], folder)
    }

    /// Downloads the upstream archive of a source package into `folder` and returns its file.
    pub(crate) fn download_source(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        let words = ["source", "--download-only", "--tar-only", package];
        self.download_as(&words, folder)
    }

    fn download_as(&self, words: &[&str], folder: &Path) -> Result<PathBuf> {
        shell::run(self.command().args(words).current_dir(folder))?;
        let entry = fs::read_dir(folder)?
            .next()
            .context("apt-get downloaded nothing")??;
        Ok(entry.path())
    }

    /// Downloads a package with its dependencies and unpacks all of them into `folder`.
    pub(crate) fn unpack_whole(&self, package: &str, folder: &Path) -> Result<()> {
        let mut fetch = self.command();
        fetch.args(["install", "-y", "--no-install-recommends"]);
        shell::run(fetch.args(["--download-only", package]))?;
        let archives = self.folder.path().join("cache/archives");
        let entries = fs::read_dir(&archives).context("list the packages")?;
        for path in entries.map(|entry| entry.map(|entry| entry.path())) {
            let path = path.context("list the packages")?;
            if path.extension().is_some_and(|end| end == "deb") {
                extract(&path, folder)?;
            }
        }
        Ok(())
    }

    /// Writes the configuration that keeps apt away from the machine's own state.
    fn write_config(&self, arch: Arch) -> Result<()> {
        let folder = self.folder.path().display();
        let config = format!(
            "Dir::State \"{folder}/state\";\n\
             Dir::State::status \"{folder}/state/status\";\n\
             Dir::Cache \"{folder}/cache\";\n\
             Dir::Etc::sourcelist \"{folder}/sources.list\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             APT::Architecture \"{arch}\";\n\
             APT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n"
        );
        fs::write(self.config(), config).context("write apt.conf")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("apt.conf")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").env("APT_CONFIG", self.config());
        command
    }
}

/// Unpacks a package file into `folder`.
pub(crate) fn extract(package: &Path, folder: &Path) -> Result<()> {
    let mut unpack = Command::new("dpkg-deb");
    shell::run(unpack.arg("--extract").arg(package).arg(folder))
}

/// The end of the address of the archive that has a suite.
fn archive_of(suite: &str) -> &'static str {
    if suite.ends_with("-security") {
        "/debian-security"
    } else {
        "/debian"
    }
}

/// The mirror of an archive that this machine's apt uses. Its sources are enough: no list need have
/// been fetched.
pub(crate) fn mirror_of(archive: &str) -> Result<String> {
    let asked = shell::read(Command::new("apt-get").args(["update", "--print-uris"]))?;
    find_mirror(&asked, archive)
        .with_context(|| format!("this machine's apt has no source that ends with {archive}"))
}

/// Each line starts with a quoted address.
fn find_mirror(asked: &str, archive: &str) -> Option<String> {
    let addresses = asked.lines().filter_map(|line| line.strip_prefix('\''));
    let mut mirrors = addresses.filter_map(|address| Some(address.split_once("/dists/")?.0));
    mirrors
        .find(|mirror| mirror.ends_with(archive))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_identified_by_the_end_of_their_url() {
        let asked = "'http://a.example/debian-security/dists/bookworm-security/InRelease' a 0 \n\
                     'http://b.example/debian/dists/bookworm/InRelease' b 0 \n";
        let main = find_mirror(asked, archive_of("trixie-backports"));
        assert_eq!(main.as_deref(), Some("http://b.example/debian"));
        let security = find_mirror(asked, archive_of("bullseye-security"));
        assert_eq!(
            security.as_deref(),
            Some("http://a.example/debian-security")
        );
        assert_eq!(find_mirror("", "/debian"), None);
    }
}
