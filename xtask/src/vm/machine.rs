//! Runs one virtual machine to its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::kernels::{Kernel, Part};
use super::serial::{self, Serial};
use crate::arch::Arch;
use crate::{emulator, workspace};

/// Far more than any machine needs.
const LIMIT: Duration = Duration::from_secs(1_800);
/// A machine without output for this long hangs: each test prints a line and takes at most 60 s.
const SILENCE: Duration = Duration::from_secs(300);
/// QEMU's emulation of x86 sometimes crashes in code that a kernel patches while it boots (seen in
/// `do_sync_core` of 6.12, before the first process), so a failed boot is repeated.
const BOOTS: u32 = 4;

/// How a machine ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) serial: Serial,
    /// Why the machine reported no result.
    pub(super) broken: Option<String>,
    pub(super) took: Duration,
    /// Boots that crashed before the first process.
    pub(super) lost_boots: u32,
    pub(super) log: PathBuf,
}

/// Boots `kernel` with `initramfs` and waits for the results of this part of the tests.
pub(super) fn run(arch: Arch, kernel: &Kernel, part: Part, initramfs: &Path) -> Result<Run> {
    let folder = workspace::target_dir().join("vm/logs");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let log = folder.join(format!("{arch}-{}-{}.log", kernel.name, part.name()));
    let began = Instant::now();
    let mut lost_boots = 0;
    loop {
        let end = boot(start(arch, kernel, part, initramfs, &log)?, &log)?;
        let bytes = fs::read(&log).with_context(|| format!("read {}", log.display()))?;
        let serial = serial::parse(&bytes);
        if serial.panicked && !serial.booted && lost_boots + 1 < BOOTS {
            lost_boots += 1;
            continue;
        }
        let broken = (serial.end.is_none() || serial.panicked).then(|| end.words(&serial));
        return Ok(Run {
            serial,
            broken,
            took: began.elapsed(),
            lost_boots,
            log,
        });
    }
}

/// Why a machine stopped.
#[derive(Clone, Copy, Debug)]
enum End {
    ByItself,
    Panic,
    Silence,
    Limit,
}

impl End {
    fn words(self, serial: &Serial) -> String {
        match self {
            Self::Silence => format!("no output for {} s, killed", SILENCE.as_secs()),
            Self::Limit => format!("not done after {} s, killed", LIMIT.as_secs()),
            Self::Panic => "the kernel panicked".to_owned(),
            Self::ByItself if serial.panicked => "the kernel panicked".to_owned(),
            Self::ByItself => "it powered off without a result".to_owned(),
        }
    }
}

/// Watches a machine until it ends.
fn boot(mut machine: Child, log: &Path) -> Result<End> {
    let deadline = Instant::now() + LIMIT;
    let mut last_output = (0, Instant::now());
    let end = loop {
        if machine.try_wait().context("wait for QEMU")?.is_some() {
            return Ok(End::ByItself);
        }
        let output = fs::read(log).unwrap_or_default();
        if serial::has_panicked(&output) {
            break End::Panic;
        }
        if output.len() > last_output.0 {
            last_output = (output.len(), Instant::now());
        }
        if last_output.1.elapsed() >= SILENCE {
            break End::Silence;
        }
        if Instant::now() >= deadline {
            break End::Limit;
        }
        thread::sleep(Duration::from_millis(200));
    };
    machine.kill().context("kill QEMU")?;
    machine.wait().context("wait for QEMU")?;
    Ok(end)
}

fn start(arch: Arch, kernel: &Kernel, part: Part, initramfs: &Path, log: &Path) -> Result<Child> {
    let mut serial = std::ffi::OsString::from("file:");
    serial.push(log);
    let errors = File::create(log.with_extension("qemu")).context("make QEMU's log")?;
    File::create(log).context("make the serial log")?;
    emulator::command(arch)
        .args(processor(arch))
        .args(["-m", "512", "-smp", "2"])
        .args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ])
        .args(["-append", &command_line(arch, kernel, part)])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(initramfs)
        .arg("-serial")
        .arg(serial)
        .stdin(Stdio::null())
        .stdout(errors.try_clone()?)
        .stderr(errors)
        .spawn()
        .context("run QEMU; `cargo xtask setup vm` installs it")
}

fn command_line(arch: Arch, kernel: &Kernel, part: Part) -> String {
    let tests = format!("REAPWATCH_TESTS={}", part.name());
    let in_full = kernel.only_in_full;
    let in_full = in_full.map(|hook| format!("REAPWATCH_ONLY_IN_FULL={hook}"));
    let hooks = kernel.hooks.as_ref();
    let hooks = hooks.map(|hooks| format!("REAPWATCH_HOOKS={}", hooks.join(",")));
    let console = match arch {
        Arch::Amd64 => "console=ttyS0",
        Arch::Arm64 => "console=ttyAMA0",
    };
    let mut options = vec![
        console,
        "panic=-1 quiet",
        // A busy host makes the kernel's check of its timer fail.
        "no_timer_check",
        // QEMU translates a program once if it is loaded at the same addresses each time.
        "norandmaps",
        // Retpolines and the zeroing of fresh pages take a quarter of the time under emulation.
        "mitigations=off init_on_alloc=0",
        // The kernel passes what it does not know to the first process as its environment.
        &tests,
    ];
    options.extend(in_full.as_deref().into_iter().chain(hooks.as_deref()));
    options.join(" ")
}

/// The options for a processor, and for what runs it.
fn processor(arch: Arch) -> Vec<&'static str> {
    match arch {
        Arch::Amd64 => {
            let (accelerator, processor) = accelerator_of_amd64();
            vec!["-accel", accelerator, "-cpu", processor]
        }
        Arch::Arm64 => {
            let machine = ["-machine", "virt", "-cpu", "cortex-a72"];
            [&machine[..], &["-accel", "tcg,thread=single"]].concat()
        }
    }
}

/// KVM if the processor supports it: without that a /dev/kvm may open and then hang. Otherwise one
/// thread for each machine, so that the machines share the cores, and no cmpxchg16b: its emulation
/// was seen to corrupt the flags, and 6.12 then crashed in `__kmalloc`.
fn accelerator_of_amd64() -> (&'static str, &'static str) {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let able = flags
        .split_whitespace()
        .any(|flag| ["vmx", "svm"].contains(&flag));
    let allowed = File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok();
    if able && allowed {
        ("kvm", "qemu64")
    } else {
        ("tcg,thread=single", "qemu64,-cx16")
    }
}
