//! Writes an initramfs: a cpio archive in the format `newc`
//! (<https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>).

use std::collections::BTreeSet;
use std::path::{Component, Path};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
/// Major and minor number of /dev/console.
const CONSOLE: (u32, u32) = (5, 1);

/// An archive in memory.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    /// Adds a folder and its parents.
    pub(super) fn folder(&mut self, path: &Path) {
        let mut name = String::new();
        for part in path.components() {
            if let Component::Normal(part) = part {
                if !name.is_empty() {
                    name.push('/');
                }
                name += &part.to_string_lossy();
                if self.folders.insert(name.clone()) {
                    self.entry(&name, FOLDER, (0, 0), &[]);
                }
            }
        }
    }

    /// Adds a program at this absolute path.
    pub(super) fn program(&mut self, path: &Path, content: &[u8]) {
        self.folder(path.parent().unwrap_or(Path::new("/")));
        let name = path.to_string_lossy();
        self.entry(name.trim_start_matches('/'), PROGRAM, (0, 0), content);
    }

    /// Adds /dev/console, which the kernel opens for the first process.
    pub(super) fn console(&mut self) {
        self.folder(Path::new("/dev"));
        self.entry("dev/console", CHARACTER_DEVICE, CONSOLE, &[]);
    }

    /// The finished archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let length = u32::try_from(content.len()).expect("no file is that large");
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            length,
            0,
            0,
            device.0,
            device.1,
            name.len() as u32 + 1,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_folders_come_once_before_their_files() {
        let mut archive = Archive::default();
        archive.program(Path::new("/a/b/one"), b"12345");
        archive.program(Path::new("/a/b/two"), b"");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<_> = text
            .split("070701")
            .skip(1)
            .map(|entry| entry[104..].split('\0').next().unwrap_or_default())
            .collect();
        assert_eq!(names, ["a", "a/b", "a/b/one", "a/b/two", "TRAILER!!!"]);
    }
}
