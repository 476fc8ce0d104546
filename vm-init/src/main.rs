//! The first process of a virtual machine: mounts what a host has, runs the plan, powers off.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::wait::{WaitStatus, wait};

fn main() {
    let result = mount_all().and_then(|()| run());
    match result {
        Ok(()) => println!("RW-DONE"),
        Err(error) => println!("RW-BROKEN {error:#}"),
    }
    let _ = std::io::stdout().flush();
    let _ = reboot(RebootMode::RB_POWER_OFF);
}

fn mount_all() -> Result<()> {
    for (kind, target) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tracefs", "/sys/kernel/tracing"),
        ("cgroup2", "/sys/fs/cgroup"),
        ("tmpfs", "/tmp"),
        ("tmpfs", "/run"),
    ] {
        fs::create_dir_all(target).ok();
        mount(Some(kind), target, Some(kind), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("mount {target}"))?;
    }
    Ok(())
}

fn run() -> Result<()> {
    let plan = fs::read_to_string("/plan")?;
    for line in plan.lines() {
        println!("RW-STEP {line}");
        let mut words = line.split(' ').peekable();
        let mut envs = vec![];
        while let Some((k, v)) = words.peek().and_then(|w| w.split_once('=')) {
            envs.push((k, v));
            words.next();
        }
        let program = words.next().unwrap();
        let child = Command::new(program).args(words).envs(envs).spawn();
        let child = match child { Ok(c) => c, Err(e) => { println!("RW-BROKEN {e}"); continue; } };
        loop {
            match wait() {
                Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() as u32 == child.id() => { println!("RW-EXIT {code}"); break }
                Ok(WaitStatus::Signaled(pid, sig, _)) if pid.as_raw() as u32 == child.id() => { println!("RW-SIG {sig}"); break }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => { println!("wait {e}"); break }
            }
        }
    }
    Ok(())
}
