//! Exits that are slow in a known step.

mod fuse;

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::slots::Slot;
use crate::wait::By;

/// The argument of the helper of a core dump.
pub const READ_LATE: &str = "read-late";

/// How long a step is delayed.
const HELD_UP: Duration = Duration::from_millis(300);

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";
/// More than a pipe holds.
const DUMPED_BYTES: usize = 1 << 20;
/// Enough memory that releasing it takes longer than the rest of the exit.
const MANY_BYTES: usize = 64 << 20;

/// An exit and the step that took most of its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowExit {
    /// The scenario.
    pub name: String,
    /// Who died.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The step.
    pub step: String,
    /// Its minimum duration; 0 if it only took longer than all others.
    pub at_least_ns: u64,
}

/// One way to exit slowly.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    step: &'static str,
    held_up: Duration,
    /// Runs it; the death is the slow one, by this much.
    run: fn(&Death, Duration) -> Result<()>,
    comm: &'static std::ffi::CStr,
}

/// All of them. That of the core dump sets the machine's core pattern while it runs.
pub const CASES: [Case; 5] = [
    Case {
        name: "much_memory",
        step: "releasing_memory",
        held_up: Duration::ZERO,
        run: much_memory,
        comm: c"rw-memory",
    },
    Case {
        name: "slow_flush",
        step: "closing_files",
        held_up: HELD_UP,
        run: fuse::slow_flush,
        comm: c"rw-flush",
    },
    Case {
        name: "slow_dump",
        step: "dumping_core",
        held_up: HELD_UP,
        run: slow_dump,
        comm: c"rw-slow-dump",
    },
    Case {
        name: "outside_child",
        step: "namespaces",
        held_up: HELD_UP,
        run: outside_child,
        comm: c"rw-init-waits",
    },
    Case {
        name: "stuck_sibling",
        step: "waiting_for_siblings",
        held_up: HELD_UP,
        run: fuse::stuck_sibling,
        comm: c"rw-sibling",
    },
];

impl Case {
    /// Makes its death.
    ///
    /// # Errors
    /// If a system call or a helper process fails.
    pub fn run(&self) -> Result<SlowExit> {
        let death = Death::new(self.comm)?;
        (self.run)(&death, self.held_up)?;
        Ok(SlowExit {
            name: self.name.to_owned(),
            pid: death.wait(Slot::Pid)? as u32,
            comm: death.comm().to_owned(),
            step: self.step.to_owned(),
            at_least_ns: self.held_up.as_nanos() as u64,
        })
    }
}

fn much_memory(death: &Death, _: Duration) -> Result<()> {
    let pid = death.fork(|| {
        // SAFETY: the call touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) } != 0 {
            return FAILED;
        }
        let mut memory = vec![0_u8; MANY_BYTES];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        // Only the exit releases it.
        i32::from(std::hint::black_box(memory.leak())[0]) - 1
    })?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)
}

/// The helper that gets the dump reads late, and the pipe to it holds only the beginning.
fn slow_dump(death: &Death, _: Duration) -> Result<()> {
    let folder = tempdir()?;
    let helper = folder.path().join("h");
    symlink(std::env::current_exe()?, &helper)?;
    let before = fs::read(CORE_PATTERN)?;
    let pattern = format!("|{} {READ_LATE}", helper.display());
    fs::write(CORE_PATTERN, pattern).context("cannot set the core pattern")?;
    let died = dump(death);
    fs::write(CORE_PATTERN, before).context("cannot restore the core pattern")?;
    died
}

fn dump(death: &Death) -> Result<()> {
    let pid = death.fork(|| {
        if setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).is_err() {
            return FAILED;
        }
        std::hint::black_box(vec![1_u8; DUMPED_BYTES].leak());
        // SAFETY: this process is meant to die of it.
        unsafe { libc::abort() }
    })?;
    death.see(pid)?;
    death.reap(pid, By::Wait4)?;
    let status = death.get(Slot::Status) as i32;
    ensure!(libc::WCOREDUMP(status), "it dumped no core: {status:#x}");
    Ok(())
}

/// The helper of a core dump: reads nothing for a while, then all.
///
/// # Errors
/// If the pipe cannot be read.
pub fn read_late() -> Result<()> {
    thread::sleep(HELD_UP);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The init of a PID namespace ends, which kills a process in it whose parent is outside and
/// delays its reap.
fn outside_child(init: &Death, held_up: Duration) -> Result<()> {
    let (maker, child) = (Death::new(c"rw-outside")?, Death::new(c"rw-injected")?);
    let pid = maker.fork_helper(|| {
        unshare(CloneFlags::CLONE_NEWPID).context("cannot make a PID namespace")?;
        let init_pid = init.fork_helper(|| init.wait(Slot::Go).map(drop))?;
        let child_pid = child.fork_helper(|| child.wait(Slot::Go).map(drop))?;
        init.wait(Slot::Ready)?;
        child.wait(Slot::Ready)?;
        init.set(Slot::Go, 1);
        // Killed by the dying init, which then waits for it to be reaped.
        child.see(child_pid)?;
        pause(held_up);
        child.reap(child_pid, By::Wait4)?;
        init.see(init_pid)?;
        init.reap(init_pid, By::Wait4)
    })?;
    maker.see(pid)?;
    maker.reap(pid, By::Wait4)?;
    let ends = (
        maker.get(Slot::Status) as i32,
        child.get(Slot::Status) as i32,
    );
    ensure!(
        libc::WIFEXITED(ends.0) && libc::WEXITSTATUS(ends.0) == 0 && libc::WTERMSIG(ends.1) == 9,
        "the namespace did not work: {ends:x?}"
    );
    Ok(())
}
