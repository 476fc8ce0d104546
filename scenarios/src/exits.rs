//! Exits by the thousand, to measure what watching them costs.

use std::arch::asm;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use serde::Serialize;

/// How often a paced flood makes the exits that are due.
const BATCHES_PER_SECOND: u32 = 1_000;
/// What `spawn` runs.
const PROGRAM: &std::ffi::CStr = c"/bin/true";

/// libc's constant of this name overflows.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// What exits, and who makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A process with a copy of its parent's memory.
    Fork,
    /// A process that borrows its parent's memory.
    Vfork,
    /// A program started by `posix_spawn`.
    Spawn,
    /// A thread of a process that stays alive.
    Thread,
}

/// A flood of exits, each reaped at once.
#[derive(Debug)]
pub struct Flood {
    /// What exits.
    pub kind: Kind,
    /// How many.
    pub count: u32,
    /// How many each second; as fast as possible without.
    pub rate: Option<u32>,
    /// The cgroups (v2) of the children, in turn; that of this process without.
    pub cgroups: Vec<PathBuf>,
}

/// What was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The number of exits.
    pub count: u32,
    /// How long they took.
    pub seconds: f64,
}

impl Flood {
    /// Makes all exits.
    ///
    /// # Errors
    /// If a child or thread cannot be made, or a cgroup cannot be used.
    pub fn run(&self) -> Result<Made> {
        ensure!(
            self.cgroups.is_empty() || self.kind == Kind::Vfork,
            "only children by vfork can be made in other cgroups"
        );
        let open = |path: &PathBuf| {
            File::open(path).with_context(|| format!("cannot open {}", path.display()))
        };
        let cgroups = self.cgroups.iter().map(open).collect::<Result<Vec<_>>>()?;
        let mut cgroups = cgroups.iter().map(File::as_raw_fd).cycle();
        let began = Instant::now();
        for made in 0..self.count {
            self.wait_for_turn(began, made);
            self.make_one(cgroups.next())?;
        }
        Ok(Made {
            count: self.count,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Sleeps until the batch of this exit is due.
    fn wait_for_turn(&self, began: Instant, made: u32) {
        let Some(rate) = self.rate else { return };
        let batch = (rate / BATCHES_PER_SECOND).max(1);
        if made.is_multiple_of(batch) {
            let due = began + Duration::from_secs_f64(f64::from(made) / f64::from(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn make_one(&self, cgroup: Option<RawFd>) -> Result<()> {
        let child = match self.kind {
            Kind::Thread => {
                let thread = thread::Builder::new().spawn(|| {});
                let joined = thread.context("cannot make a thread")?.join();
                ensure!(joined.is_ok(), "a thread failed");
                return Ok(());
            }
            Kind::Fork => forked().context("cannot fork"),
            Kind::Vfork => vforked(cgroup).context("cannot vfork"),
            Kind::Spawn => spawned().context("cannot spawn"),
        };
        waitpid(child?, None).context("cannot reap")?;
        Ok(())
    }
}

fn forked() -> nix::Result<Pid> {
    // SAFETY: the child only exits.
    match unsafe { fork() }? {
        // SAFETY: no preconditions.
        ForkResult::Child => unsafe { libc::_exit(0) },
        ForkResult::Parent { child } => Ok(child),
    }
}

fn spawned() -> nix::Result<Pid> {
    let (actions, attributes) = (PosixSpawnFileActions::init()?, PosixSpawnAttr::init()?);
    let nothing: [CString; 0] = [];
    posix_spawn(PROGRAM, &actions, &attributes, &[PROGRAM], &nothing)
}

/// A child that exits at once. glibc offers no call that makes a child in another cgroup.
fn vforked(cgroup: Option<RawFd>) -> nix::Result<Pid> {
    // SAFETY: zeroes are arguments that ask for nothing.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup as u64;
    }
    let result: isize;
    // SAFETY: the parent sleeps until the child has exited, and the child, which is on the
    // parent's stack, writes nothing to memory: it only calls exit.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") &raw const args,
            in("rsi") size_of::<libc::clone_args>(),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x8, {exit}",
            "svc 0",
            "2:",
            exit = const libc::SYS_exit,
            in("x8") libc::SYS_clone3,
            inlateout("x0") &raw const args => result,
            in("x1") size_of::<libc::clone_args>(),
            options(nostack),
        );
    }
    if result < 0 {
        return Err(Errno::from_raw(-result as i32));
    }
    Ok(Pid::from_raw(result as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_exit_is_made_and_reaped() {
        for kind in [Kind::Vfork, Kind::Spawn, Kind::Thread] {
            let flood = Flood {
                kind,
                count: 3,
                rate: Some(10_000),
                cgroups: Vec::new(),
            };
            assert_eq!(flood.run().unwrap().count, 3, "{kind:?}");
        }
    }
}
