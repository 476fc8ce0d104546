//! Many processes, alive and dead, cheap enough for thousands of each.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, clone};

/// Stack of each living process: it calls two functions.
const STACK: usize = 16 << 10;

/// Forks `zombies` children that die at once and are never reaped, and `sleepers` that live as
/// long as this process. All share its memory, so that each costs little more than its stack.
///
/// # Errors
/// If fork fails.
pub fn make(zombies: usize, sleepers: usize) -> Result<()> {
    let mut short = vec![0; STACK];
    for _ in 0..zombies {
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child has a stack of its own, this thread sleeps until it exits, and all
        // it does is exit.
        let child = unsafe {
            clone(
                Box::new(|| libc::_exit(0)),
                &mut short,
                flags,
                Some(libc::SIGCHLD),
            )
        };
        child.context("cannot make a zombie")?;
    }
    // They stay for as long as any of them runs on them.
    let stacks = vec![0; STACK * sleepers].leak();
    for stack in stacks.chunks_exact_mut(STACK) {
        // SAFETY: the child has a stack of its own, which is never freed, and it only sleeps.
        let child = unsafe {
            clone(
                Box::new(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    loop {
                        libc::pause();
                    }
                }),
                stack,
                CloneFlags::CLONE_VM,
                Some(libc::SIGCHLD),
            )
        };
        child.context("cannot make a sleeper")?;
    }
    Ok(())
}
