//! exitsnoop of libbpf-tools, which prints each exit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};

use crate::usage;
use crate::workspace;

const TRACEFS: &str = "/sys/kernel/tracing";

/// A running exitsnoop, stopped on drop.
pub(super) struct Exitsnoop(Child);

/// The program, or why it is not there.
pub(super) fn find() -> Result<PathBuf> {
    // Debian has it where only root looks.
    let sbin = PathBuf::from("/usr/sbin/exitsnoop");
    let program = workspace::find_program("exitsnoop").or_else(|| sbin.is_file().then_some(sbin));
    program.context("exitsnoop is not installed; run `apt-get install libbpf-tools`")
}

impl Exitsnoop {
    pub(super) fn start(program: &Path) -> Result<Self> {
        mount_tracefs()?;
        let process = Command::new(program)
            .stdin(Stdio::null())
            .stdout(File::create("/dev/null").context("open /dev/null")?)
            .spawn()
            .with_context(|| format!("run {}", program.display()))?;
        let mut started = Self(process);
        let deadline = Instant::now() + Duration::from_secs(20);
        // It begins to poll once its programs are attached.
        while !usage::holds(started.pid(), "[eventpoll]") {
            if let Some(status) = started.0.try_wait()? {
                bail!("exitsnoop ended ({status})");
            }
            if Instant::now() > deadline {
                bail!("exitsnoop has not attached within 20 s");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(started)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// It attaches to classic tracepoints, which are found there.
fn mount_tracefs() -> Result<()> {
    if Path::new(TRACEFS).join("events").exists() {
        return Ok(());
    }
    mount(
        Some("tracefs"),
        TRACEFS,
        Some("tracefs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .with_context(|| format!("mount {TRACEFS}, which exitsnoop needs"))
}

impl Drop for Exitsnoop {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
