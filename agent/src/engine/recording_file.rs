//! Writes a recording on its own thread, so that a slow disk delays the agent's loop only if the
//! queue is full. Nothing is skipped: the loop then waits, and what the kernel's ring cannot hold
//! meanwhile is lost and counted.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use anyhow::Context as _;
use tokio::sync::oneshot;

/// Maximum number of chunks waiting for the disk.
const QUEUE: usize = 64;

/// Takes whole lines; the file is complete when it is dropped.
#[derive(Debug)]
pub struct Sink(SyncSender<String>);

/// The result, once the file is complete, or removed because it could not be written.
pub type Written = oneshot::Receiver<io::Result<u64>>;

impl Sink {
    /// Writes these lines, or reports that writing has failed.
    pub fn write(&self, lines: String) -> Result<(), Gone> {
        self.0.send(lines).map_err(|_| Gone)
    }
}

/// The file cannot be written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Creates the file, which must not exist.
///
/// # Errors
/// If it cannot be created; one sentence.
pub fn create(path: &Path) -> anyhow::Result<(Sink, Written)> {
    let mut options = File::options();
    options.write(true).create_new(true);
    // Whatever the umask: it has the names of all processes.
    let file = options.mode(0o600).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            anyhow::anyhow!(
                "{} exists already: choose another file, or remove it first",
                path.display()
            )
        } else {
            anyhow::anyhow!("cannot create {}: {error}", path.display())
        }
    })?;
    let (lines, queue) = sync_channel(QUEUE);
    let (written, outcome) = oneshot::channel();
    let path = path.to_owned();
    thread::Builder::new()
        .name("reapwatch-write".to_owned())
        // Sending fails if the receiver is gone.
        .spawn(move || drop(written.send(write_all(file, &queue, &path))))
        .context("cannot start the thread that writes the file")?;
    Ok((Sink(lines), outcome))
}

/// Writes everything received; returns the size. A file that is empty or incomplete is removed.
fn write_all(file: File, queue: &Receiver<String>, path: &Path) -> io::Result<u64> {
    let written = write(file, queue);
    if !matches!(written, Ok(1..)) {
        let _gone = fs::remove_file(path);
    }
    written
}

fn write(mut file: File, queue: &Receiver<String>) -> io::Result<u64> {
    let mut length = 0;
    while let Ok(lines) = queue.recv() {
        file.write_all(lines.as_bytes())?;
        length += lines.len() as u64;
    }
    // A full disk may be reported only here.
    match file.sync_all() {
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
        _ => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("there");
        fs::write(&path, "precious").expect("written");
        let error = create(&path).expect_err("it is there");
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("read"), "precious");
    }

    #[test]
    fn all_is_written_when_the_sink_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (sink, written) = create(&path).expect("made");
        sink.write("one\n".to_owned()).expect("room");
        sink.write("two\n".to_owned()).expect("room");
        drop(sink);
        assert_eq!(written.blocking_recv().expect("told").expect("written"), 8);
        assert_eq!(fs::read_to_string(&path).expect("read"), "one\ntwo\n");
    }

    #[test]
    fn an_empty_recording_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (sink, written) = create(&path).expect("made");
        drop(sink);
        assert_eq!(written.blocking_recv().expect("told").expect("written"), 0);
        assert!(!path.exists());
    }

    #[test]
    fn a_full_disk_is_reported_and_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        fs::write(&path, "half a li").expect("written");
        let full = File::options().write(true).open("/dev/full").expect("open");
        let (lines, queue) = sync_channel(1);
        lines.send("one\n".to_owned()).expect("room");
        let error = write_all(full, &queue, &path).expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    #[test]
    fn only_its_owner_can_read_a_recording() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (_sink, _written) = create(&path).expect("made");
        let mode = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
