//! What a running program has used, from outside.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// CPU time of all its threads, those that have ended too.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid as i32));
    let clock = clock.with_context(|| format!("find the CPU clock of process {pid}"))?;
    Ok(clock_gettime(clock)?.into())
}

/// How often its threads went to sleep, and so were woken.
pub(crate) fn sleeps(pid: u32) -> Result<u64> {
    let threads = format!("/proc/{pid}/task");
    let mut sleeps = 0;
    for thread in fs::read_dir(&threads).with_context(|| format!("list {threads}"))? {
        // It may have ended.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        sleeps += number(&status, "voluntary_ctxt_switches:").unwrap_or_default();
    }
    Ok(sleeps)
}

/// Resident and proportional memory in bytes.
pub(crate) fn memory(pid: u32) -> Result<[u64; 2]> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let bytes = |name| Some(number(&text, name)? << 10);
    let both = || Some([bytes("Rss:")?, bytes("Pss:")?]);
    both().with_context(|| format!("no Rss or Pss in {path}"))
}

/// A number of bytes in /proc/PID/status, such as `VmHWM:`, the peak of resident memory.
pub(crate) fn status_bytes(pid: u32, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let kilobytes = number(&text, name).with_context(|| format!("no {name} in {path}"))?;
    Ok(kilobytes << 10)
}

/// The time that the programs which it holds have run in the kernel, while it counts
/// (`kernel.bpf_stats_enabled`).
pub(crate) fn program_ns(pid: u32) -> Result<u64> {
    let infos = format!("/proc/{pid}/fdinfo");
    let mut total = 0;
    for info in fs::read_dir(&infos).with_context(|| format!("list {infos}"))? {
        let info = fs::read_to_string(info?.path()).unwrap_or_default();
        // A link shows the id of its program, but not its time.
        total += number(&info, "run_time_ns:").unwrap_or_default();
    }
    Ok(total)
}

/// Whether one of its descriptors is of this kind, such as `[eventpoll]`.
pub(crate) fn holds(pid: u32, kind: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    let links = files.into_iter().flatten().flatten();
    let mut targets = links.filter_map(|link| fs::read_link(link.path()).ok());
    targets.any(|target| target.to_string_lossy().ends_with(kind))
}

/// The number in the line that begins with `name`.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
