//! Which processes map which shared memory (one scan of the mappings on the host, with bounded
//! effort), and which of them may wake a thread that waits for a futex there. I/O.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind, Read as _},
    time::{Duration, Instant},
};

use super::{At, Block, On, Search, Stat, kin::DeadChildren, memory, refusal, simple};
use crate::host::proc;
use crate::host::suspects::collect;

/// Processes whose mappings are looked at.
const PROCESSES: usize = 1_024;
/// For how long.
const TIME_LIMIT: Duration = Duration::from_millis(150);
/// The most that is read of one.
const MOST_BYTES: u64 = 1 << 20;

/// A mapped file, or the kernel's own file for anonymous shared memory.
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

/// The processes that map each memory.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    by: HashMap<Memory, Vec<u32>>,
    /// Not all were looked at.
    cut: bool,
    /// How many processes have mappings that may not be read.
    refused: usize,
}

impl Mapped {
    /// Looks first at processes in the session of the waiting process or of its dead children.
    fn of_host(waiter: u32, dead: &DeadChildren) -> Self {
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

/// Bytes of a `struct futex_waitv`, and the most of them that a call may list.
const WAITER: usize = 24;
const WAITERS: usize = 128;
/// `FUTEX2_PRIVATE`.
const PRIVATE: u32 = 128;

impl Search {
    /// Futexes of its own process if `shared` is empty, else in shared memory.
    pub(super) fn of_futexes(&mut self, at: &At, shared: &[u64], timed: bool) -> Block {
        let block = match shared {
            [] => simple(On::PrivateFutex),
            [word] => self.of_futex(at, *word),
            _ => Block {
                unknown: Some("it waits for several locks at once".to_owned()),
                ..simple(On::SharedFutex { path: None })
            },
        };
        match block.on {
            On::PrivateFutex if collect::threads(at.pid, 2).len() == 1 => {
                // Only its timeout can end such a wait.
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
                unknown: unknown.or(Some("the list of locks could not be read".to_owned())),
                ..simple(On::SharedFutex { path: None })
            },
        }
    }

    /// The other processes that map the memory of a futex: any of them may have to wake it. The value
    /// of the futex is not read.
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
                let why = "its memory map is not read while one of its threads is in uninterruptible sleep";
                return unknown(None, why.to_owned());
            }
        };
        let mut own = own.into_iter();
        let Some(mapping) = own.find(|it| (it.from..it.to).contains(&word)) else {
            // Such as a join: the exit of a thread wakes a futex without the private flag.
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
                "any of the {count} processes that share that memory may hold the lock"
            ))
        } else if refused > 0 && (count == 0 || refusal::missing("/proc/PID/maps").is_some()) {
            let of = refusal::processes(refused);
            Some(refusal::words(&format!("/proc/PID/maps of {of}")))
        } else {
            cut.then(|| {
                "the search for processes that share that memory ran into its limits".to_owned()
            })
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

/// The addresses of the futexes in a list that other processes may wake.
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
    fn shared_futexes_of_a_list_are_found() {
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
