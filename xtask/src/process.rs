//! The processes of this machine, from /proc.

use std::fs;

#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) comm: String,
    pub(crate) state: char,
    pub(crate) parent: u32,
    /// The command line, words separated by spaces.
    pub(crate) args: String,
}

/// All of them.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    // The name may contain anything, even a parenthesis.
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, comm) = head.split_once(" (")?;
    let mut words = tail.split(' ');
    let state = words.next()?.chars().next()?;
    let parent = words.next()?.parse().ok()?;
    let args = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    Some(Process {
        pid,
        comm: comm.to_owned(),
        state,
        parent,
        args: String::from_utf8_lossy(&args).replace('\0', " "),
    })
}
