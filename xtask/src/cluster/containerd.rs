//! A separate containerd, independent of any other on this machine.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, umount2};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::cri::Cri;
use super::stop;
use crate::shell;

/// How long it may take to start or to end.
const LONG: Duration = Duration::from_secs(30);
/// The containerd namespace in which CRI looks for images.
const SPACE: &str = "k8s.io";

/// Stopped on drop, with everything that it started.
#[derive(Debug)]
pub(super) struct Containerd {
    process: Child,
    cri: Cri,
    folder: TempDir,
}

impl Containerd {
    /// Starts one with this image as the pause image of its pods.
    pub(super) fn start(pause: &str) -> Result<Self> {
        // Not every machine has an init that reaps.
        prctl::set_child_subreaper(true).context("adopt what is left")?;
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let config = folder.path().join("config.toml");
        fs::write(&config, config_of(folder.path(), pause)).context("write config.toml")?;
        let log = File::create(folder.path().join("containerd.log"))?;
        let process = Command::new("containerd")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // ^C of the terminal must only reach us; we stop it in order.
            .process_group(0)
            .spawn()
            .context("run containerd")?;
        let cri = Cri::at(&socket(folder.path()))?;
        let mut containerd = Self {
            process,
            cri,
            folder,
        };
        containerd.wait()?;
        Ok(containerd)
    }

    pub(super) fn cri(&self) -> &Cri {
        &self.cri
    }

    /// Its socket.
    pub(super) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The folder for what pods mount from their node.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Imports an image from its archive.
    pub(super) fn import(&self, archive: &[u8]) -> Result<()> {
        let file = self.folder.path().join("image.tar");
        fs::write(&file, archive).context("write an image")?;
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(socket(self.folder.path()));
        // The default is overlayfs, which does not work on top of overlayfs.
        ctr.args(["--namespace", SPACE, "images", "import", "--snapshotter"]);
        ctr.arg("native").arg(&file);
        shell::read(&mut ctr)?;
        fs::remove_file(file).context("remove the archive")
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            stop::check()?;
            if let Some(status) = self.process.try_wait()? {
                bail!("containerd ended at once ({status}): {}", self.log());
            }
            if self.cri.answers() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("containerd does not answer: {}", self.log())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("containerd.log")).unwrap_or_default()
    }
}

/// Pods are gone by now, since each is removed on drop. Leftovers are killed here.
impl Drop for Containerd {
    fn drop(&mut self) {
        // Both fail if it has exited already.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + LONG;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                let _ = self.process.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
        for shim in shims(&socket(self.folder.path())) {
            let _ = kill(shim, Signal::SIGKILL);
        }
        // We have adopted the shims, which are the last.
        let deadline = Instant::now() + LONG;
        while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        for place in mounts_below(self.folder.path()) {
            let _ = umount2(&place, MntFlags::MNT_DETACH);
        }
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("containerd.sock")
}

fn config_of(folder: &Path, pause: &str) -> String {
    let folder = folder.display();
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # The score of a pod may be lower than that of this machine's processes, which takes a right.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    # Where this runs in a container itself, overlayfs does not lie on its root.
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{folder}/runc"
"#
    )
}

/// Shims that serve the containerd with this socket.
fn shims(socket: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        let is_shim = words
            .next()
            .is_some_and(|word| word.ends_with(b"containerd-shim-runc-v2"));
        is_shim && words.any(|word| word == socket.as_os_str().as_encoded_bytes())
    };
    pids.filter(ours).map(Pid::from_raw).collect()
}

/// The innermost first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts = String::from_utf8_lossy(&mounts);
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let mut below: Vec<_> = places
        .map(|place| PathBuf::from(OsStr::new(place)))
        .filter(|place| place.starts_with(folder))
        .collect();
    below.reverse();
    below
}
