//! Open pidfds of processes that have been reaped. I/O, off the loop.
//!
//! Such a pidfd keeps a descriptor and the kernel's `struct pid`. Its `fdinfo` shows `Pid: -1`, so it
//! is known that its process is gone, but not which process that was.

use std::fs;
use std::time::{Duration, Instant};

use super::fdinfo::{Info, Link};
use crate::host::proc;
use crate::probes;
use api::DeadPidfds;
use model::events::Key;

/// Descriptors of one process that are looked at.
const OF_ONE: usize = 65_536;
/// For how long.
const PATIENCE: Duration = Duration::from_millis(250);
/// Descriptors that are looked at in a scan of all processes.
const OF_ALL: usize = 262_144;
/// For how long.
const SCAN_PATIENCE: Duration = Duration::from_millis(500);
/// Descriptors that are read between two checks of the time.
const BETWEEN: usize = 256;

/// The pidfds of one process; `None` if its descriptors may not be read.
pub fn of_process(pid: u32) -> Option<DeadPidfds> {
    Scan::new(OF_ONE, PATIENCE).visit(pid)
}

/// Number of such pidfds by holder, without those that hold none; and whether all processes were
/// looked at.
pub fn of_all() -> (Vec<(Key, u64)>, bool) {
    let mut scan = Scan::new(OF_ALL, SCAN_PATIENCE);
    let mut holders = Vec::new();
    for pid in proc::numbers("/proc").into_iter().flatten() {
        let found = scan.visit(pid).filter(|found| found.reaped > 0);
        let start_ns = found.and_then(|_| probes::start_ns(pid));
        let key = |start_ns| Key {
            tgid: pid,
            start_ns,
        };
        holders.extend(start_ns.map(key).zip(found.map(|found| found.reaped)));
        if scan.cut {
            break;
        }
    }
    (holders, !scan.cut)
}

struct Scan {
    until: Instant,
    left: usize,
    /// Something was skipped.
    cut: bool,
}

impl Scan {
    fn new(left: usize, patience: Duration) -> Self {
        Self {
            until: Instant::now() + patience,
            left,
            cut: false,
        }
    }

    fn visit(&mut self, pid: u32) -> Option<DeadPidfds> {
        let mut found = DeadPidfds::default();
        for descriptor in proc::numbers(&format!("/proc/{pid}/fd")).ok()? {
            let is_late = self.left.is_multiple_of(BETWEEN) && Instant::now() >= self.until;
            if self.left == 0 || is_late {
                self.cut = true;
                break;
            }
            self.left -= 1;
            let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}"));
            if !link.is_ok_and(|target| Link::parse(&target).kind() == "pidfd") {
                continue;
            }
            let info = proc::text(format!("/proc/{pid}/fdinfo/{descriptor}"));
            found.open += 1;
            found.reaped += u64::from(info.is_ok_and(|info| Info(&info).is_of_reaped()));
        }
        found.is_lower_bound = self.cut;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{FromRawFd as _, OwnedFd};
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn child() -> (Child, OwnedFd) {
        let mut cat = Command::new("cat");
        let child = cat.stdin(Stdio::piped()).spawn().expect("cat runs");
        // SAFETY: no memory is passed; the descriptor is new and ours.
        let pidfd = unsafe {
            let number = libc::syscall(libc::SYS_pidfd_open, child.id(), 0);
            assert!(number >= 0, "this kernel has pidfds");
            OwnedFd::from_raw_fd(number as i32)
        };
        (child, pidfd)
    }

    #[test]
    fn pidfds_of_reaped_and_of_living_processes_are_told_apart() {
        let me = std::process::id();
        let before = of_process(me).expect("its own descriptors");
        let ((mut one, _gone), (mut other, _living)) = (child(), child());
        one.kill().and_then(|()| one.wait()).expect("it ends");
        let found = of_process(me).expect("its own descriptors");
        assert_eq!(found.open - before.open, 2);
        assert_eq!(found.reaped - before.reaped, 1);
        let (holders, _) = of_all();
        assert!(
            holders
                .iter()
                .any(|(key, count)| key.tgid == me && *count >= 1)
        );
        other.kill().and_then(|()| other.wait()).expect("it ends");
    }

    #[test]
    fn a_bounded_scan_reports_a_lower_bound() {
        let mut scan = Scan::new(1, PATIENCE);
        let found = scan.visit(std::process::id()).expect("its own descriptors");
        assert!(found.is_lower_bound && scan.cut);
    }
}
