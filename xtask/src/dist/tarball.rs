//! The archive for any distribution, unpacked over /usr/local.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tar::{Builder, EntryType, Header};

use super::VERSION;
use crate::arch::Arch;
use crate::{deb, statics, workspace};

/// Files of the workspace, and where they go.
const DOCUMENTS: [(&str, &str); 6] = [
    ("LICENSE-APACHE", "share/doc/reapwatch/LICENSE-APACHE"),
    ("LICENSE-GPL2", "share/doc/reapwatch/LICENSE-GPL2"),
    ("LICENSE-MIT", "share/doc/reapwatch/LICENSE-MIT"),
    ("docs/metrics.md", "share/doc/reapwatch/metrics.md"),
    ("docs/runbook.md", "share/doc/reapwatch/runbook.md"),
    ("deploy/kubectl-reapwatch", "bin/kubectl-reapwatch"),
];
const UNIT: &str = "deploy/systemd/reapwatch.service";

/// The name of the archive, and of its folder.
pub(super) fn name(arch: Arch) -> String {
    format!("reapwatch-{VERSION}-{}-linux", arch.rust())
}

/// Builds it, after [`deb::build`] has written what is generated.
pub(super) fn build(program: &Path, arch: Arch) -> Result<Vec<u8>> {
    let mut files = vec![
        ("bin/reapwatch".to_owned(), statics::read(program)?),
        (
            "lib/systemd/system/reapwatch.service".to_owned(),
            unit()?.into_bytes(),
        ),
    ];
    for (from, to) in DOCUMENTS {
        files.push((to.to_owned(), statics::read(&workspace::root().join(from))?));
    }
    for document in workspace::listed(&deb::documents())? {
        let path = file_in("share/doc/reapwatch", &document);
        files.push((path, statics::read(&document)?));
    }
    for page in workspace::listed(&deb::pages().join("man"))? {
        files.push((file_in("share/man/man1", &page), statics::read(&page)?));
    }
    for (_, name, folder) in deb::SHELLS {
        let bytes = statics::read(&deb::pages().join("completions").join(name))?;
        files.push((format!("share/{folder}/{name}"), bytes));
    }
    files.sort();
    archive(&name(arch), &files)
}

/// An archive with these files in one folder.
pub(super) fn archive(folder: &str, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    compressed(&tar(folder, files)?)
}

/// The unit, for a program below /usr/local.
fn unit() -> Result<String> {
    let text = fs::read_to_string(workspace::root().join(UNIT));
    let text = text.with_context(|| format!("read {UNIT}"))?;
    let moved = text.replace("ExecStart=/usr/bin/", "ExecStart=/usr/local/bin/");
    ensure!(moved != text, "{UNIT} does not start /usr/bin/reapwatch");
    Ok(moved)
}

fn file_in(folder: &str, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!("{folder}/{}", name.to_string_lossy())
}

fn tar(folder: &str, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mtime = workspace::source_date()?;
    let mut tar = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(if path.starts_with("bin/") {
            0o755
        } else {
            0o644
        });
        header.set_size(bytes.len() as u64);
        header.set_mtime(mtime);
        header.set_uid(0);
        header.set_gid(0);
        let path = format!("{folder}/{path}");
        tar.append_data(&mut header, path, bytes.as_slice())?;
    }
    Ok(tar.into_inner()?)
}

/// With neither name nor time.
fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = Command::new("gzip")
        .args(["--no-name", "--best"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("run gzip")?;
    let mut input = gzip.stdin.take().context("gzip has an input")?;
    let output = std::thread::scope(|scope| {
        let written = scope.spawn(move || input.write_all(bytes));
        let output = gzip.wait_with_output();
        let written = written.join().ok().context("the writer panicked")?;
        written.context("write to gzip")?;
        output.context("read from gzip")
    })?;
    ensure!(output.status.success(), "gzip failed ({})", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_the_program_of_the_archive() {
        let unit = unit().expect("the unit is there");
        assert!(
            unit.contains("ExecStart=/usr/local/bin/reapwatch agent"),
            "{unit}"
        );
        assert!(!unit.contains("=/usr/bin/"), "{unit}");
    }

    #[test]
    fn the_same_files_give_the_same_archive() {
        let files = [
            ("bin/a".to_owned(), vec![1]),
            ("share/b".to_owned(), vec![2]),
        ];
        let build = || archive("x", &files).expect("there is gzip");
        assert_eq!(build(), build());
    }
}
