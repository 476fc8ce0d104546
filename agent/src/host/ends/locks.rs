//! The file lock that a thread waits for and its owner, from the text of /proc/locks. Pure.
//!
//! A line with `->` is a process that waits for the lock on the line with the same number
//! ([`proc_locks(5)`](https://man7.org/linux/man-pages/man5/proc_locks.5.html)).

/// A lock that another process waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock<'a> {
    /// The process that took it, if the kernel records that.
    pub(super) owner: Option<u32>,
    /// It belongs to an open file: any process that has that file open holds the lock.
    pub(super) is_of_file: bool,
    /// Device and inode of the file.
    pub(super) file: &'a str,
}

/// The lock that a process waits for.
pub(super) fn awaited(locks: &str, pid: u32) -> Option<Lock<'_>> {
    let lines = || locks.lines().filter_map(line);
    let (number, ..) = lines().find(|(_, waits, lock)| *waits && lock.owner == Some(pid))?;
    let mut holders = lines().filter(|(its, waits, _)| *its == number && !waits);
    holders.next().map(|(.., lock)| lock)
}

/// Whether a process's `fdinfo` shows that its open file has the lock.
pub(super) fn has(fdinfo: &str, file: &str) -> bool {
    let mut locks = fdinfo.lines().filter_map(|it| it.strip_prefix("lock:"));
    locks.any(|lock| line(lock).is_some_and(|(_, waits, lock)| !waits && lock.file == file))
}

/// Number, whether it waits, and the lock.
fn line(line: &str) -> Option<(&str, bool, Lock<'_>)> {
    let mut words = line.split_ascii_whitespace().peekable();
    let number = words.next()?;
    let waits = words.next_if_eq(&"->").is_some();
    let kind = words.next()?;
    // Skips advisory or mandatory, and read or write.
    let owner = words.nth(2)?.parse::<i64>().ok()?;
    let lock = Lock {
        owner: u32::try_from(owner).ok(),
        is_of_file: matches!(kind, "FLOCK" | "OFDLCK"),
        file: words.next()?,
    };
    Some((number, waits, lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 700 08:01:55 0 EOF
1: -> POSIX  ADVISORY  WRITE 705 08:01:55 0 EOF
2: FLOCK  ADVISORY  WRITE 701 08:01:66 0 EOF
2: -> FLOCK  ADVISORY  WRITE 702 08:01:66 0 EOF
2: -> FLOCK  ADVISORY  READ  703 08:01:66 0 EOF
3: OFDLCK ADVISORY  WRITE -1 08:01:77 0 9
3: -> POSIX  ADVISORY  WRITE 704 08:01:77 0 EOF
";

    #[test]
    fn the_owner_of_the_awaited_lock_is_found() {
        let of = |pid| awaited(LOCKS, pid).map(|it| (it.owner, it.is_of_file, it.file));
        assert_eq!(of(702), Some((Some(701), true, "08:01:66")));
        assert_eq!(of(703), Some((Some(701), true, "08:01:66")));
        assert_eq!(of(705), Some((Some(700), false, "08:01:55")));
        assert_eq!(of(704), Some((None, true, "08:01:77")));
        assert_eq!(of(701), None);
        assert_eq!(awaited("x\n1: ->\n1: -> A B C x y\n", 1), None);
    }

    #[test]
    fn an_open_file_shows_its_lock() {
        let info = "pos:\t0\nflags:\t02\nlock:\t1: FLOCK  ADVISORY  WRITE 701 08:01:66 0 EOF\n";
        assert!(has(info, "08:01:66"));
        assert!(!has(info, "08:01:6"));
    }

    #[test]
    fn damaged_locks_are_read() {
        fuzz::feed(
            &[
                LOCKS,
                "lock:\t1: POSIX  ADVISORY  WRITE 700 08:01:55 0 EOF\n",
            ],
            |bytes| {
                let text = String::from_utf8_lossy(bytes);
                let _ = (awaited(&text, 705), has(&text, "08:01:55"));
            },
        );
    }
}
