//! Deaths too many to describe one by one.

use std::ffi::CStr;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, clone};
use nix::sys::prctl;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid};

use crate::clock::now_ns;
use crate::truth::{Crowd, Interval};

/// `count` children by vfork, one after the other, each exiting and reaped at once.
///
/// # Errors
/// If fork fails.
pub fn cycles(name: &str, comm: &'static CStr, count: u32) -> Result<Crowd> {
    let mut stack = vec![0; 64 << 10];
    let (mut first, mut last) = (None, None);
    // Their own name costs each child a call; so the parent takes it, and they inherit it.
    prctl::set_name(comm).context("cannot take a name")?;
    let begin = now_ns();
    for _ in 0..count {
        let pid = cycle(&mut stack)?;
        first.get_or_insert(pid);
        last = Some(pid);
    }
    let during = Interval {
        not_before_ns: begin,
        not_after_ns: now_ns(),
    };
    let number = |pid: Option<Pid>| pid.map_or(0, |pid| pid.as_raw() as u32);
    Ok(Crowd {
        name: name.to_owned(),
        comm: comm.to_string_lossy().into_owned(),
        count,
        parent: getpid().as_raw() as u32,
        first_pid: number(first),
        last_pid: number(last),
        during,
    })
}

fn cycle(stack: &mut [u8]) -> Result<Pid> {
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // SAFETY: the child has a stack of its own, this thread sleeps until it exits, and all it
    // does is exit.
    let child = unsafe {
        clone(
            Box::new(|| libc::_exit(0)),
            stack,
            flags,
            Some(libc::SIGCHLD),
        )
    };
    let child = child.context("cannot vfork")?;
    waitpid(child, None).context("cannot reap")?;
    Ok(child)
}
