//! A process whose core dump is not read. The host's one core_pattern is changed for that, so
//! it only runs on a machine that runs nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};

use super::scene::{Made, Scene};
use crate::cases::core_pipe::OWN_MACHINE;
use crate::helpers::{child, sleep_for_ever};
use crate::slots::{Slot, Slots};

/// The command that core_pattern gets.
pub const READER: &str = "core-reader";
const PATTERN: &str = "/proc/sys/kernel/core_pattern";
/// More than a pipe holds.
const MEMORY: usize = 1 << 20;

/// The former pattern, and the file whose removal ends the reader.
struct Pattern {
    before: String,
    flag: PathBuf,
}

impl Drop for Pattern {
    fn drop(&mut self) {
        let restored = fs::write(PATTERN, self.before.trim_end());
        let ended = fs::remove_file(&self.flag);
        if restored.is_err() || ended.is_err() {
            eprintln!("scenarios: core_pattern {restored:?}, reader {ended:?}");
        }
    }
}

/// Takes a core dump and reads none of it, as long as the file is there.
pub fn read_nothing(flag: &Path) {
    while flag.exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Aborts, and its dump fills a pipe.
pub(super) fn slow_reader() -> Result<Made> {
    if std::env::var_os(OWN_MACHINE).is_none() {
        return Ok(Err("core_pattern is the host's".to_owned()));
    }
    let (_, flag) = tempfile::Builder::new().prefix("rw").tempfile()?.keep()?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let pattern = Pattern {
        before: fs::read_to_string(PATTERN).context("cannot read core_pattern")?,
        flag,
    };
    let reader = format!("|{} {READER} {}", program.display(), pattern.flag.display());
    fs::write(PATTERN, reader).context("cannot set core_pattern")?;
    let slots = Slots::new()?;
    let pid = child(|| {
        let memory = vec![1_u8; MEMORY];
        slots.set(Slot::Extra, u64::from(memory[MEMORY / 2]));
        sleep_for_ever()
    })?;
    slots.wait(Slot::Extra)?;
    kill(pid, Signal::SIGABRT).context("cannot abort")?;
    Ok(Ok(Scene {
        pid,
        holder: None,
        connection: None,
        guard: Box::new((pattern, slots)),
    }))
}
