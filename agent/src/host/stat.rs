//! The file `stat` of a process or a thread: `proc_pid_stat(5)`. I/O.

use std::fs;

use crate::host::proc;

/// A kernel thread.
const PF_KTHREAD: u64 = 0x0020_0000;
/// Set from the start of its exit.
const PF_EXITING: u64 = 0x4;

/// Some of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub state: char,
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    pub flags: u64,
    /// In ticks.
    pub start: u64,
}

impl Stat {
    /// Of a process.
    pub fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Of a thread.
    pub fn of_thread(pid: u32, tid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        let (_, fields) = proc::split_stat(stat)?;
        // The manual counts from 1, and the state is the third.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: number(4)? as u32,
            group: number(5)? as u32,
            session: number(6)? as u32,
            flags: number(9)?,
            start: number(22)?,
        })
    }

    /// Whether it belongs to the kernel.
    pub fn is_of_kernel(self) -> bool {
        self.flags & PF_KTHREAD != 0
    }

    /// Whether it is past the start of its exit.
    pub fn is_exiting(self) -> bool {
        self.flags & PF_EXITING != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let fields = "D 1 8 9 0 -1 4194564 0 0 0 0 0 0 0 0 20 0 1 0 777 0";
        for comm in ["sh", "a) Z 9 (b", "x\n) R 5 5"] {
            let stat = Stat::parse(format!("42 ({comm}) {fields}\n").as_bytes());
            let stat = stat.expect("it has all fields");
            assert_eq!((stat.state, stat.parent, stat.group), ('D', 1, 8));
            assert_eq!((stat.session, stat.start), (9, 777));
            assert!(stat.is_exiting() && !stat.is_of_kernel());
        }
        assert_eq!(Stat::parse(b"42 (sh) S 1"), None);
        assert_eq!(Stat::parse(b"rubbish"), None);
    }

    #[test]
    fn damaged_stats_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 105 0 0 0 1 2 3 4 20 0 1 0 12345 0 0\n";
        fuzz::feed(&[stat], |bytes| {
            let _ = Stat::parse(bytes);
        });
    }
}
