//! Who maps which shared memory: one look at the mappings of the host's processes, with bounded
//! effort, and who may wake a thread that waits for a futex in there. I/O.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind, Read as _},
    time::{Duration, Instant},
};

use super::{At, Block, On, Search, Stat, kin::Dead, memory, refusal, simple};
use crate::host::proc;
use crate::host::suspects::collect;

/// Processes whose mappings are looked at.
const PROCESSES: usize = 1_024;
/// For how long.
const PATIENCE: Duration = Duration::from_millis(150);
/// The most that is read of one.
const MOST_BYTES: u64 = 1 << 20;

/// A file, or what the kernel has in its place where memory has no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Memory {
    device: String,
    inode: u64,
}

/// A line of `proc_pid_maps(5)` of memory that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    from: u64,
    to: u64,
    memory: Memory,
    path: String,
}

impl Mapping {
    /// `None` of memory that a process has for itself.
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

/// What is shared of the memory of a process. Not read of one with a thread in uninterruptible
/// sleep, as in [`memory::bytes`].
fn mappings(pid: u32) -> io::Result<Vec<Mapping>> {
    if !memory::is_safe(pid) {
        return Err(ErrorKind::WouldBlock.into());
    }
    let mut text = Vec::new();
    let file = File::open(format!("/proc/{pid}/maps"))?;
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    let lines = text.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(Mapping::parse).collect())
}

/// Who maps what.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    by: HashMap<Memory, Vec<u32>>,
    /// Not all were looked at.
    cut: bool,
    /// Processes whose mappings may not be read.
    refused: usize,
}

impl Mapped {
    /// Looks first at those in the session of the one that waits or of its dead.
    fn of_host(waiter: u32, dead: &Dead) -> Self {
        let until = Instant::now() + PATIENCE;
        let mut mapped = Self::default();
        let own = Stat::read(waiter);
        let mut pids = Vec::new();
        for pid in proc::numbers("/proc").into_iter().flatten() {
            // Kernel threads have no mappings, and are not told apart by their session alone.
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

/// Bytes of a `struct futex_waitv`, and the most of them that a call may list.
const WAITER: usize = 24;
const WAITERS: usize = 128;
/// `FUTEX2_PRIVATE`.
const PRIVATE: u32 = 128;

impl Search {
    /// Locks of its own process where `shared` is empty, else in memory that others may have too.
    pub(super) fn of_futexes(&mut self, at: &At, shared: &[u64], timed: bool) -> Block {
        let block = match shared {
            [] => simple(On::PrivateFutex),
            [word] => self.of_futex(at, *word),
            _ => Block {
                unknown: Some("which of several locks is released first".to_owned()),
                ..simple(On::SharedFutex { path: None })
            },
        };
        match block.on {
            On::PrivateFutex if collect::threads(at.pid, 2).len() == 1 => {
                // What is left of such a wait is its timeout.
                simple(if timed { On::Timer } else { On::LoneFutex })
            }
            _ => block,
        }
    }

    /// Those of `futex_waitv(2)`.
    pub(super) fn of_list_of_futexes(
        &mut self,
        at: &At,
        list: u64,
        count: u64,
        timed: bool,
    ) -> Block {
        let len = usize::try_from(count).unwrap_or(WAITERS).min(WAITERS) * WAITER;
        match self.argument(at.pid, list, len) {
            Ok(bytes) => self.of_futexes(at, &shared_words(&bytes), timed),
            Err(unknown) => Block {
                unknown: unknown.or(Some("which locks these are".to_owned())),
                ..simple(On::SharedFutex { path: None })
            },
        }
    }

    /// Who else maps the memory in which a futex is: any of them may have to wake it. What the
    /// futex holds is not read.
    pub(super) fn of_futex(&mut self, at: &At, word: u64) -> Block {
        let unknown = |path: Option<String>, why: String| Block {
            unknown: Some(why),
            ..simple(On::SharedFutex { path })
        };
        let path = format!("/proc/{}/maps", at.pid);
        let own = match mappings(at.pid) {
            Ok(own) => own,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return unknown(None, self.refuse(&path));
            }
            Err(_) => {
                let why =
                    "where that memory is: another of its threads is in uninterruptible sleep";
                return unknown(None, why.to_owned());
            }
        };
        let mut own = own.into_iter();
        let Some(mapping) = own.find(|it| (it.from..it.to).contains(&word)) else {
            // Such as the end of a thread, which the kernel tells without regard to whose it is.
            return simple(On::PrivateFutex);
        };
        let dead = &self.dead;
        let mapped = self
            .mapped
            .get_or_insert_with(|| Mapped::of_host(at.pid, dead));
        let (cut, refused) = (mapped.cut, mapped.refused);
        let by = mapped.by.get(&mapping.memory).cloned().unwrap_or_default();
        let others: Vec<_> = by.into_iter().filter(|&pid| pid != at.pid).collect();
        let count = others.len();
        let ends = self.ends(at.pid, others);
        let unknown = if count > 1 {
            Some(format!(
                "which of the {count} processes that share that memory has to release it"
            ))
        } else if refused > 0 && (count == 0 || refusal::missing("/proc/PID/maps").is_some()) {
            let of = refusal::processes(refused);
            Some(refusal::words(&format!("/proc/PID/maps of {of}")))
        } else {
            cut.then(|| "the search for who shares that memory was cut short".to_owned())
        };
        Block {
            on: On::SharedFutex {
                path: Some(mapping.path).filter(|path| !path.is_empty()),
            },
            ends,
            unknown,
        }
    }
}

/// Where the futexes of a list are that other processes may wake.
fn shared_words(list: &[u8]) -> Vec<u64> {
    let entries = list.chunks_exact(WAITER).filter_map(|entry| {
        let word = u64::from_ne_bytes(entry.get(8..16)?.try_into().ok()?);
        let flags = u32::from_ne_bytes(entry.get(16..20)?.try_into().ok()?);
        (flags & PRIVATE == 0).then_some(word)
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_list_of_futexes_those_of_others_are_told() {
        let entry = |word: u64, flags: u64| [7, word, flags].map(u64::to_ne_bytes).concat();
        let list = [entry(0x1000, 0x82), entry(0x2000, 2), vec![1; 9]].concat();
        if cfg!(target_endian = "little") {
            assert_eq!(shared_words(&list), [0x2000]);
        }
        assert!(shared_words(&[]).is_empty());
    }

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
}
