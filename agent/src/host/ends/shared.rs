//! Which processes may wake a thread that waits for a futex. I/O.

use std::io::ErrorKind;

use super::{
    at::{At, simple, unsure},
    mapped::mappings,
    search::Search,
};
use crate::host::proc;
use crate::host::refusal;
use model::culprit::evidence::block::{Block, On};

/// Bytes of a `struct futex_waitv`, and the most of them that a call may list.
const WAITER: usize = 24;
const WAITERS: usize = 128;
/// `FUTEX2_PRIVATE`.
const PRIVATE: u32 = 128;

/// Futexes of its own process if `shared` is empty, else in shared memory.
pub(super) fn of_futexes(search: &mut Search, at: &At, shared: &[u64], timed: bool) -> Block {
    let block = match shared {
        [] => simple(On::PrivateFutex),
        [word] => of_futex(search, at, *word),
        _ => unsure(
            On::SharedFutex { path: None },
            "it waits for several locks at once".to_owned(),
        ),
    };
    match block.on {
        On::PrivateFutex if proc::threads(at.pid, 2).len() == 1 => {
            // Only its timeout can end such a wait.
            simple(if timed { On::Timer } else { On::LoneFutex })
        }
        _ => block,
    }
}

/// Those of `futex_waitv(2)`.
pub(super) fn of_list_of_futexes(
    search: &mut Search,
    at: &At,
    list: u64,
    count: u64,
    timed: bool,
) -> Block {
    let len = usize::try_from(count).unwrap_or(WAITERS).min(WAITERS) * WAITER;
    match search.argument(at.pid, list, len) {
        Ok(bytes) => of_futexes(search, at, &shared_words(&bytes), timed),
        Err(why) => {
            let why = why.unwrap_or_else(|| "the list of locks could not be read".to_owned());
            unsure(On::SharedFutex { path: None }, why)
        }
    }
}

/// The other processes that map the memory of a futex: any of them may have to wake it. The value
/// of the futex is not read.
pub(super) fn of_futex(search: &mut Search, at: &At, word: u64) -> Block {
    let path = format!("/proc/{}/maps", at.pid);
    let own = match mappings(at.pid) {
        Ok(own) => own,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return unsure(On::SharedFutex { path: None }, search.refuse(&path));
        }
        Err(_) => {
            let why =
                "its memory map is not read while one of its threads is in uninterruptible sleep";
            return unsure(On::SharedFutex { path: None }, why.to_owned());
        }
    };
    let mut own = own.into_iter();
    let Some(mapping) = own.find(|it| (it.from..it.to).contains(&word)) else {
        // Such as a join: the exit of a thread wakes a futex without the private flag.
        return simple(On::PrivateFutex);
    };
    let mapped = search.mapped(at.pid);
    let (cut, refused) = (mapped.cut, mapped.refused);
    let by = mapped.by.get(&mapping.memory).cloned().unwrap_or_default();
    let others: Vec<_> = by.into_iter().filter(|&pid| pid != at.pid).collect();
    let count = others.len();
    let ends = search.ends(at.pid, others);
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
}
