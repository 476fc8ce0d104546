//! Which processes map which shared memory: one scan of the mappings on the host, with bounded
//! effort. I/O.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind, Read as _},
    time::{Duration, Instant},
};

use super::{memory, relatives::DeadChildren};
use crate::host::proc;
use crate::host::stat::Stat;

/// Processes whose mappings are looked at.
const PROCESSES: usize = 1_024;
/// For how long.
const TIME_LIMIT: Duration = Duration::from_millis(150);
/// The most that is read of one.
const MOST_BYTES: u64 = 1 << 20;

/// A mapped file, or the kernel's own file for anonymous shared memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Memory {
    device: String,
    inode: u64,
}

/// A line of `proc_pid_maps(5)` of memory that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) memory: Memory,
    pub(super) path: String,
}

impl Mapping {
    /// `None` for private memory.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let mut word = || std::str::from_utf8(words.next()?).ok();
        let (from, to) = word()?.split_once('-')?;
        let shared = word()?.ends_with('s');
        let (_offset, device, inode) = (word()?, word()?, word()?.parse().ok()?);
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Self {
            from: number(from)?,
            to: number(to)?,
            memory: Memory {
                device: device.to_owned(),
                inode,
            },
            path: proc::name_of(words.next().unwrap_or_default().trim_ascii()),
        })
        .filter(|_| shared)
    }
}

/// The shared mappings of a process. Not read if a thread of it is in uninterruptible sleep, as in
/// [`memory::bytes`].
pub(super) fn mappings(pid: u32) -> io::Result<Vec<Mapping>> {
    if !memory::is_safe(pid) {
        return Err(ErrorKind::WouldBlock.into());
    }
    let mut text = Vec::new();
    let file = File::open(format!("/proc/{pid}/maps"))?;
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    let lines = text.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(Mapping::parse).collect())
}

/// The processes that map each memory.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    pub(super) by: HashMap<Memory, Vec<u32>>,
    /// Not all were looked at.
    pub(super) cut: bool,
    /// How many processes have mappings that may not be read.
    pub(super) refused: usize,
}

impl Mapped {
    /// Looks first at processes in the session of the waiting process or of its dead children.
    pub(super) fn of_host(waiter: u32, dead: &DeadChildren) -> Self {
        let until = Instant::now() + TIME_LIMIT;
        let mut mapped = Self::default();
        let own = Stat::read(waiter);
        let mut pids = Vec::new();
        for pid in proc::numbers("/proc").into_iter().flatten() {
            // Kernel threads have no mappings; their session alone does not identify them.
            let stat = Stat::read(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'));
            pids.extend(stat.map(|stat| (!dead.is_near(stat, own), pid)));
        }
        pids.sort_unstable();
        for (n, (_, pid)) in pids.into_iter().enumerate() {
            if n >= PROCESSES || Instant::now() >= until {
                mapped.cut = true;
                break;
            }
            match mappings(pid) {
                Ok(mappings) => mapped.add(pid, mappings),
                Err(error) => match error.kind() {
                    ErrorKind::PermissionDenied => mapped.refused += 1,
                    ErrorKind::WouldBlock => mapped.cut = true,
                    _ => {}
                },
            }
        }
        mapped
    }

    fn add(&mut self, pid: u32, mappings: Vec<Mapping>) {
        for mapping in mappings {
            let by = self.by.entry(mapping.memory).or_default();
            if by.last() != Some(&pid) {
                by.push(pid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shared_memory_counts() {
        let line = b"7f2a00000000-7f2a00001000 rw-s 00000000 00:1a 42                   /dev/shm/sem.a b (deleted)";
        let mapping = Mapping::parse(line).expect("it is shared");
        assert_eq!(
            (mapping.from, mapping.to),
            (0x7f2a_0000_0000, 0x7f2a_0000_1000)
        );
        assert_eq!(
            (mapping.memory.device.as_str(), mapping.memory.inode),
            ("00:1a", 42)
        );
        assert_eq!(mapping.path, "/dev/shm/sem.a b (deleted)");
        let heap = b"55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                    [heap]";
        for line in [&heap[..], b"", b"x-y rw-s 0 00:01 z", b"\xff"] {
            assert_eq!(Mapping::parse(line), None);
        }
    }

    #[test]
    fn damaged_maps_are_read() {
        let line = "7f2a00000000-7f2a00001000 rw-s 00000000 00:1a 42    /dev/shm/sem.a b (deleted)";
        fuzz::feed(&[line], |bytes| drop(Mapping::parse(bytes)));
    }
}
