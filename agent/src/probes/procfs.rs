//! All processes from /proc, for kernels that refuse the task iterator. Reads only `stat` and
//! `status`: reading `cmdline` of a dying process can hang.

use std::{collections::HashMap, fs, io};

use crate::host::proc;
use model::events::{Comm, ExitStatus, Key, Process, Task, TaskState};

/// Reads /proc once. Processes that disappear during the walk are skipped.
///
/// # Errors
/// If /proc itself cannot be read.
pub(super) fn tasks() -> io::Result<Vec<Task>> {
    let mut stats = Vec::new();
    for pid in proc::numbers("/proc")? {
        stats.extend(Stat::read(pid));
    }
    let by_tgid: HashMap<u32, &Process> = stats
        .iter()
        .map(|stat| (stat.process.key.tgid, &stat.process))
        .collect();
    let process_of = |tgid: u32| by_tgid.get(&tgid).map(|process| *(*process));
    Ok(stats
        .iter()
        .filter(|stat| !stat.kernel_thread)
        .map(|stat| {
            let text =
                proc::text(format!("/proc/{}/status", stat.process.key.tgid)).unwrap_or_default();
            let number = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next()?.parse::<u32>().ok()
            };
            let leaves = stat.exiting || told_to_exit(&text);
            Task {
                state: match stat.state {
                    TaskState::Alive if leaves => TaskState::Exiting,
                    as_said => as_said,
                },
                parent: process_of(stat.parent),
                tracer: number("TracerPid:")
                    .filter(|tgid| *tgid != 0)
                    .and_then(process_of),
                status: (stat.state == TaskState::Zombie)
                    .then(|| ExitStatus::from_wait(stat.exit_code)),
                exit_signal: Some(stat.exit_signal),
                uid: number("Uid:").unwrap_or(0),
                ..Task::new(stat.process, stat.state)
            }
        })
        .collect())
}

/// Whether `status` shows a process that was killed and has not begun to exit, or is dumping core.
fn told_to_exit(status: &str) -> bool {
    const SIGKILL: u64 = 1 << 8;
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let pending = |name: &str| {
        let mask = value(name).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & SIGKILL != 0)
    };
    pending("SigPnd:")
        || pending("ShdPnd:")
        || value("CoreDumping:").is_some_and(|it| it.trim() == "1")
}

/// Start time of the process with this PID, rounded down to a tick.
pub(crate) fn start_ns(tgid: u32) -> Option<u64> {
    Some(Stat::read(tgid)?.process.key.start_ns)
}

/// The unit of start times in /proc, in nanoseconds.
pub(super) fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second()
}

struct Stat {
    process: Process,
    parent: u32,
    state: TaskState,
    exit_signal: i32,
    exit_code: u32,
    kernel_thread: bool,
    /// Its leader has begun to exit.
    exiting: bool,
}

impl Stat {
    fn read(tgid: u32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{tgid}/stat")).ok()?;
        Self::parse(&stat, tick_ns())
    }

    /// `proc_pid_stat(5)`.
    fn parse(text: &[u8], tick_ns: u64) -> Option<Self> {
        const PF_KTHREAD: u64 = 0x0020_0000;
        const PF_EXITING: u64 = 0x4;
        let (comm, fields) = proc::split_stat(text)?;
        let pid = text.split(|&byte| byte == b' ').next()?;
        // The manual counts fields from 1; the state is the third.
        let field = |number: usize| fields.get(number - 3).copied();
        let tgid = std::str::from_utf8(pid).ok()?.parse().ok()?;
        let threads: u32 = field(20)?.parse().ok()?;
        let state = match (field(3)?, threads) {
            ("Z", 0 | 1) => TaskState::Zombie,
            ("Z", _) => TaskState::LeaderExited,
            ("X", _) => return None,
            _ => TaskState::Alive,
        };
        let start_ns = field(22)?.parse::<u64>().ok()? * tick_ns;
        let flags: u64 = field(9)?.parse().ok()?;
        Some(Self {
            process: Process {
                key: Key { tgid, start_ns },
                tid: tgid,
                comm: Comm::new(comm),
            },
            parent: field(4)?.parse().ok()?,
            state,
            exit_signal: field(38)?.parse().ok()?,
            exit_code: field(52).and_then(|code| code.parse().ok()).unwrap_or(0),
            kernel_thread: flags & PF_KTHREAD != 0,
            exiting: flags & PF_EXITING != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 10_000_000;

    /// A line of `stat`: fields are numbered as in the manual, from the third on.
    fn line(comm: &str, state: &str, threads: u32) -> String {
        let mut fields = vec!["0".to_owned(); 50];
        let threads = threads.to_string();
        for (number, value) in [
            (3, state),
            (4, "6"),
            (20, &threads),
            (22, "1234"),
            (38, "17"),
            (52, "768"),
        ] {
            fields[number - 3] = value.to_owned();
        }
        format!("42 ({comm}) {}", fields.join(" "))
    }

    #[test]
    fn a_zombie_is_read_with_its_parent_and_status() {
        let stat = Stat::parse(line("sh", "Z", 1).as_bytes(), TICK).expect("parses");
        assert_eq!(
            stat.process.key,
            Key {
                tgid: 42,
                start_ns: 12_340_000_000
            }
        );
        assert_eq!((stat.state, stat.parent), (TaskState::Zombie, 6));
        assert_eq!(ExitStatus::from_wait(stat.exit_code), ExitStatus::Exited(3));
    }

    #[test]
    fn a_living_process_with_an_ended_leader_is_not_a_zombie() {
        let stat = Stat::parse(line("job", "Z", 3).as_bytes(), TICK).expect("parses");
        assert_eq!(stat.state, TaskState::LeaderExited);
    }

    #[test]
    fn a_name_may_hold_parentheses_and_blanks() {
        let stat = Stat::parse(line("a) Z (b", "S", 1).as_bytes(), TICK).expect("parses");
        assert_eq!(
            (&*stat.process.comm.text(), stat.state),
            ("a) Z (b", TaskState::Alive)
        );
    }

    #[test]
    fn a_killed_process_is_recognized() {
        assert!(told_to_exit("SigPnd:\t0000000000000100\n"));
        assert!(told_to_exit("ShdPnd:\t0000000000010100\n"));
        assert!(told_to_exit("CoreDumping:\t1\n"));
        assert!(!told_to_exit(
            "SigPnd:\t0000000000000000\nShdPnd:\t0000000000010000\nCoreDumping:\t0\n"
        ));
    }

    #[test]
    fn malformed_stat_is_not_a_process() {
        for text in ["", "42", "42 (x", "42 (x) Z", "x (y) Z 1 2 3"] {
            assert!(Stat::parse(text.as_bytes(), TICK).is_none(), "{text:?}");
        }
    }
}
