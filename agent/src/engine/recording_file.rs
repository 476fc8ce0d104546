//! Writes a recording on its own thread, compressed if its name ends with `.gz`. A slow disk delays
//! the agent's loop only if the queue is full. Nothing is skipped: the loop then waits, and what the
//! kernel's ring cannot hold meanwhile is lost and counted.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::oneshot;

/// Maximum number of chunks waiting for the disk.
const QUEUE: usize = 64;

/// Where a recording goes.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The file, which must not exist.
    pub path: &'a Path,
    /// It gets no larger than this.
    pub max_bytes: u64,
}

/// A file that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its size.
    pub bytes: u64,
    /// There was no room for more.
    pub is_full: bool,
}

/// Takes whole lines; the file is complete when it is dropped.
#[derive(Debug)]
pub struct Sink(SyncSender<String>);

/// The result, once the file is complete, or removed because it could not be written.
pub type Written = oneshot::Receiver<io::Result<Size>>;

impl Sink {
    /// Writes these lines, or reports that writing has failed.
    pub fn write(&self, lines: String) -> Result<(), Gone> {
        self.0.send(lines).map_err(|_| Gone)
    }
}

/// The file cannot be written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Creates the file.
///
/// # Errors
/// If it cannot be created; one sentence.
pub fn create(target: &Target<'_>) -> anyhow::Result<(Sink, Written)> {
    let Target { path, max_bytes } = *target;
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
        .spawn(move || drop(written.send(write_all(file, &queue, &path, max_bytes))))
        .context("cannot start the thread that writes the file")?;
    Ok((Sink(lines), outcome))
}

/// Writes everything received that there is room for. A file that is empty or incomplete is removed.
fn write_all(
    file: File,
    queue: &Receiver<String>,
    path: &Path,
    max_bytes: u64,
) -> io::Result<Size> {
    let compressed = path.extension().is_some_and(|it| it == "gz");
    let written = if compressed {
        let mut encoder = GzEncoder::new(file, Compression::default());
        let written = write(&mut encoder, |to| to.get_ref().metadata(), queue, max_bytes);
        written.and_then(|written| finished(&encoder.finish()?, written))
    } else {
        let mut file = file;
        let written = write(&mut file, File::metadata, queue, max_bytes);
        written.and_then(|written| finished(&file, written))
    };
    if !matches!(written, Ok(Size { bytes: 1.., .. })) {
        let _gone = fs::remove_file(path);
    }
    written
}

/// Writes until the queue ends or the file is full; returns whether anything was, and whether it is
/// full.
fn write<W: io::Write>(
    to: &mut W,
    metadata: impl Fn(&W) -> io::Result<fs::Metadata>,
    queue: &Receiver<String>,
    max_bytes: u64,
) -> io::Result<(bool, bool)> {
    let mut any = false;
    while let Ok(lines) = queue.recv() {
        if metadata(to)?.len() + lines.len() as u64 > max_bytes {
            return Ok((any, true));
        }
        to.write_all(lines.as_bytes())?;
        // What is compressed would else stay in memory for long.
        to.flush()?;
        any = true;
    }
    Ok((any, false))
}

fn finished(file: &File, (any, is_full): (bool, bool)) -> io::Result<Size> {
    // A full disk may be reported only here.
    match file.sync_all() {
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
        _ => Ok(Size {
            bytes: if any { file.metadata()?.len() } else { 0 },
            is_full,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn target(path: &Path) -> Target<'_> {
        Target {
            path,
            max_bytes: u64::MAX,
        }
    }

    #[test]
    fn a_file_does_not_outgrow_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["new", "new.gz"] {
            let path = folder.path().join(name);
            let limited = Target {
                max_bytes: 50_000,
                ..target(&path)
            };
            let (sink, written) = create(&limited).expect("made");
            let mut seed = 1_u64;
            let mut line = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{seed:x}\n").repeat(20)
            };
            while sink.write(line()).is_ok() {}
            let size = written.blocking_recv().expect("told").expect("written");
            assert!(size.is_full && size.bytes <= 50_000, "{name}: {size:?}");
            assert!(size.bytes > 25_000, "{name}: {size:?}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("there");
        fs::write(&path, "precious").expect("written");
        let error = create(&target(&path)).expect_err("it is there");
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("read"), "precious");
    }

    #[test]
    fn all_is_written_when_the_sink_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (sink, written) = create(&target(&path)).expect("made");
        sink.write("one\n".to_owned()).expect("room");
        sink.write("two\n".to_owned()).expect("room");
        drop(sink);
        let size = written.blocking_recv().expect("told").expect("written");
        assert_eq!((size.bytes, size.is_full), (8, false));
        assert_eq!(fs::read_to_string(&path).expect("read"), "one\ntwo\n");
    }

    #[test]
    fn an_empty_recording_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (sink, written) = create(&target(&path)).expect("made");
        drop(sink);
        let size = written.blocking_recv().expect("told").expect("written");
        assert_eq!(size.bytes, 0);
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
        let error = write_all(full, &queue, &path, u64::MAX).expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    #[test]
    fn only_its_owner_can_read_a_recording() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let (_sink, _written) = create(&target(&path)).expect("made");
        let mode = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
