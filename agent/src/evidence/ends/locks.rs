//! Whose lock on a file a thread waits for, from the text of /proc/locks. Pure.
//!
//! A line that begins with `->` is of one who waits for the lock of the line with the same number
//! ([`proc_locks(5)`](https://man7.org/linux/man-pages/man5/proc_locks.5.html)).

/// A lock that keeps somebody waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock<'a> {
    /// Who took it; `None` of one that belongs to an open file and not to a process.
    pub(super) owner: Option<u32>,
    /// Device and inode of the file.
    pub(super) file: &'a str,
}

/// The lock that a process waits for.
pub(super) fn awaited(locks: &str, pid: u32) -> Option<Lock<'_>> {
    let lines = || locks.lines().filter_map(line);
    let (number, ..) = lines().find(|(_, waits, owner, _)| *waits && *owner == Some(pid))?;
    let mut holders = lines().filter(|(its, waits, ..)| *its == number && !waits);
    holders
        .next()
        .map(|(_, _, owner, file)| Lock { owner, file })
}

/// Whether a process's `fdinfo` shows that its open file has the lock.
pub(super) fn has(fdinfo: &str, file: &str) -> bool {
    let mut locks = fdinfo.lines().filter_map(|it| it.strip_prefix("lock:"));
    locks.any(|lock| line(lock).is_some_and(|(_, waits, _, of)| !waits && of == file))
}

/// Number, whether it waits, owner and file.
fn line(line: &str) -> Option<(&str, bool, Option<u32>, &str)> {
    let mut words = line.split_ascii_whitespace().peekable();
    let number = words.next()?;
    let waits = words.next_if_eq(&"->").is_some();
    // Kind, whether it binds, and for reading or writing.
    let owner = words.nth(3)?.parse::<i64>().ok()?;
    Some((number, waits, u32::try_from(owner).ok(), words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 700 08:01:55 0 EOF
2: FLOCK  ADVISORY  WRITE 701 08:01:66 0 EOF
2: -> FLOCK  ADVISORY  WRITE 702 08:01:66 0 EOF
2: -> FLOCK  ADVISORY  READ  703 08:01:66 0 EOF
3: OFDLCK ADVISORY  WRITE -1 08:01:77 0 9
3: -> POSIX  ADVISORY  WRITE 704 08:01:77 0 EOF
";

    #[test]
    fn who_waits_is_told_whose_lock_it_is() {
        let of = |pid| awaited(LOCKS, pid).map(|lock| (lock.owner, lock.file));
        assert_eq!(of(702), Some((Some(701), "08:01:66")));
        assert_eq!(of(703), Some((Some(701), "08:01:66")));
        assert_eq!(of(704), Some((None, "08:01:77")));
        assert_eq!(of(701), None);
        assert_eq!(awaited("x\n1: ->\n1: -> A B C x y\n", 1), None);
    }

    #[test]
    fn an_open_file_shows_its_lock() {
        let info = "pos:\t0\nflags:\t02\nlock:\t1: FLOCK  ADVISORY  WRITE 701 08:01:66 0 EOF\n";
        assert!(has(info, "08:01:66"));
        assert!(!has(info, "08:01:6"));
    }
}
