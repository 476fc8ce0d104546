//! What ends a cluster, however its test ends: all of it is in one cgroup, and a process outside of
//! it kills what is there once the test has ended, was interrupted, or was killed.
//!
//! A PID namespace would do this by itself, but the agents must see the machine's PIDs.

use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::cgroup::Cgroup;
use super::namespaces::TEMPORARY;
use crate::cli::{self, ClusterPart};
use crate::stop;

/// How long all may take to end once it has been killed.
const LONG: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs the cluster below a guard, until it ends or a signal arrives.
pub(super) fn start(options: &cli::Cluster) -> Result<ExitCode> {
    stop::take_signals()?;
    let mut guard = part(ClusterPart::Guard, options)?
        .stdin(Stdio::piped())
        .spawn()
        .context("start the guard of the cluster")?;
    // The guard ends the cluster when this is closed, by us or by our death.
    let mut rope = guard.stdin.take();
    let status = loop {
        if let Some(status) = guard.try_wait().context("wait for the guard")? {
            break status;
        }
        if let Err(why) = stop::check()
            && rope.take().is_some()
        {
            eprintln!("xtask: {why}, cleaning up");
        }
        thread::sleep(LOOK_EVERY);
    };
    drop(rope);
    ensure!(status.signal().is_none(), "the guard was killed: {status}");
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}

/// The guard itself.
pub(super) fn guard(options: &cli::Cluster) -> Result<ExitCode> {
    // Not every machine has an init that reaps.
    prctl::set_child_subreaper(true).context("adopt what is left")?;
    let cgroup = Cgroup::create(&format!("reapwatch-cluster-{}", std::process::id()))?;
    let mut cluster = part(ClusterPart::Inside, options)?;
    cluster.arg("--cgroup").arg(cgroup.name());
    // Temporary files are on a file system that goes with the cluster.
    cluster.env("TMPDIR", TEMPORARY).stdin(Stdio::null());
    let cluster = cluster.spawn().context("start the cluster")?;
    let main = Pid::from_raw(cluster.id() as i32);
    kill_at_end_of_input(main);
    let code = wait_for(&cluster)?;
    let began = Instant::now();
    let killed = end(&cgroup)?;
    println!(
        "          {killed} processes of the cluster ended in {:.1} s; no cgroup of it is left",
        began.elapsed().as_secs_f64()
    );
    Ok(ExitCode::from(code))
}

/// Kills the test when whoever started us has closed its end.
fn kill_at_end_of_input(main: Pid) {
    thread::spawn(move || {
        let _end = std::io::stdin().read_to_end(&mut Vec::new());
        // It has no other child yet, or has put itself into the cgroup.
        let _gone = kill(main, Signal::SIGKILL);
    });
}

/// Reaps all children until this one ends; its exit code, or 130 after a signal.
fn wait_for(main: &Child) -> Result<u8> {
    loop {
        match waitpid(None, None).context("wait for the cluster")? {
            WaitStatus::Exited(pid, code) if pid.as_raw() as u32 == main.id() => {
                return Ok(code as u8);
            }
            WaitStatus::Signaled(pid, ..) if pid.as_raw() as u32 == main.id() => return Ok(130),
            _ => {}
        }
    }
}

/// Kills all processes of the cgroup, reaps them and removes it; how many were there.
fn end(cgroup: &Cgroup) -> Result<usize> {
    let deadline = Instant::now() + LONG;
    let mut killed = std::collections::BTreeSet::new();
    loop {
        let present = cgroup.processes();
        for pid in &present {
            let _gone = kill(*pid, Signal::SIGKILL);
        }
        killed.extend(present.iter().copied());
        let reaped = loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break false,
                Ok(_) => {}
                Err(_) => break true,
            }
        };
        if present.is_empty() && reaped && cgroup.remove() {
            return Ok(killed.len());
        }
        ensure!(
            Instant::now() < deadline,
            "not all of the cluster ended: {present:?}"
        );
        thread::sleep(LOOK_EVERY);
    }
}

/// Another process of this program. A ^C of the terminal reaches only the first.
fn part(part: ClusterPart, options: &cli::Cluster) -> Result<Command> {
    let mut command = Command::new("/proc/self/exe");
    let name = part.to_possible_value().context("a part without a name")?;
    command.args(["cluster", "--part", name.get_name()]);
    for (name, value) in [
        ("--agent", &options.agent),
        ("--scenarios", &options.scenarios),
    ] {
        command
            .arg(name)
            .arg(value.as_ref().context("a part without programs")?);
    }
    if options.hold {
        command.arg("--hold");
    }
    command.process_group(0);
    Ok(command)
}
