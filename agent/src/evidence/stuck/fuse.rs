//! Which FUSE connection a process waits for, and who should answer it. I/O.
//!
//! A process that closes its files at its exit has let go of its table of files already, so its
//! descriptors tell nothing; the connections with unanswered requests among the mounts that it
//! sees are those that it can wait for. One that sleeps in a call on a descriptor still has it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Connection, Who, people};
use crate::evidence::{
    collect, ends,
    mounts::{self, Mount},
    parse,
};
use crate::{kernel, proc};

/// Threads of one server that are looked at.
const THREADS: usize = 16;

/// Where the kernel shows the connections.
const CONTROL: &str = "/sys/fs/fuse/connections";
/// Looks at the number of unanswered requests: one that is served has none now and then.
const LOOKS: u32 = 3;
/// Between them.
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(20);

/// The connections that a thread may wait for, and whether that is just the one.
pub(in crate::evidence) fn connections(process: u32, thread: u32) -> (Vec<Connection>, bool) {
    // The thread itself: a main thread that has ended sees nothing any more.
    let root = format!("/proc/{process}/task/{thread}");
    let text = fs::read(format!("{root}/mountinfo")).unwrap_or_default();
    let mounts: Vec<_> = mounts::parse(&text).filter(Mount::is_fuse).collect();
    let mounted = find_control();
    let by_call = ends::mount_of_call(&root).filter(Mount::is_fuse);
    if let Some(mount) = by_call {
        let seen = BTreeMap::from([(mount.minor, Some(mount.words()))]);
        return (describe(seen, mounted), true);
    }
    let mut seen: BTreeMap<u32, Option<String>> = BTreeMap::new();
    for mount in mounts.iter().filter(|mount| mount.major == 0) {
        seen.entry(mount.minor)
            .or_insert_with(|| Some(mount.words()));
    }
    if seen.is_empty() {
        // It has left its namespaces: any connection of the host may be it.
        seen.extend(numbers().map(|number| (number, None)));
    }
    let busy = |number: &u32| waiting(*number) != Some(0);
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(BETWEEN);
        }
        seen.retain(|number, _| busy(number));
    }
    let found = describe(seen, mounted);
    let exact = found.len() == 1;
    (found, exact)
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(name).map(str::trim))
}

fn describe(seen: BTreeMap<u32, Option<String>>, mounted: bool) -> Vec<Connection> {
    if seen.is_empty() {
        return Vec::new();
    }
    let (servers, hidden) = servers();
    let connection = |(number, mount): (u32, Option<String>)| {
        let (servers, certain) = of_connection(&servers, number);
        Connection {
            number,
            mount,
            waiting: waiting(number),
            servers,
            servers_are_certain: certain,
            servers_may_be_hidden: hidden,
            abort: abort(number, mounted),
        }
    };
    seen.into_iter().map(connection).collect()
}

/// Who has the FUSE device open, and of which connection, where the kernel says; and whether the
/// descriptors of anybody could not be read.
fn servers() -> (Vec<(u32, Option<u32>)>, bool) {
    let mut found = Vec::new();
    let mut hidden = false;
    for pid in proc::numbers("/proc").into_iter().flatten() {
        let mut root = format!("/proc/{pid}");
        // Of a process whose first thread has ended, another one still shows them.
        if proc::text(format!("{root}/status")).is_ok_and(|it| has_ended(&it)) {
            let mut rest = collect::threads(pid, THREADS).into_iter();
            let Some(tid) = rest.find(|tid| *tid != pid) else {
                continue;
            };
            root = format!("{root}/task/{tid}");
        }
        // Links only: to look at the files themselves could hang.
        let entries = match fs::read_dir(format!("{root}/fd")) {
            Ok(entries) => entries,
            Err(error) => {
                hidden |= error.kind() == ErrorKind::PermissionDenied;
                continue;
            }
        };
        let devices = entries.flatten().filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| target == Path::new("/dev/fuse"))
        });
        for device in devices {
            let name = device.file_name();
            let info = proc::text(format!("{root}/fdinfo/{}", name.to_string_lossy())).ok();
            let info = info.unwrap_or_default();
            let of = field(&info, "fuse_connection:").and_then(|it| it.parse().ok());
            found.push((pid, of));
        }
    }
    (found, hidden)
}

fn has_ended(status: &str) -> bool {
    matches!(parse::state(status), Some('Z' | 'X'))
}

/// The servers of one connection, and whether the kernel said so of them.
fn of_connection(servers: &[(u32, Option<u32>)], number: u32) -> (Vec<Who>, bool) {
    let mut certain: Vec<u32> = servers
        .iter()
        .filter(|(_, of)| *of == Some(number))
        .map(|(pid, _)| *pid)
        .collect();
    let said = !certain.is_empty();
    if !said {
        certain.extend(
            servers
                .iter()
                .filter(|(_, of)| of.is_none())
                .map(|(pid, _)| *pid),
        );
    }
    certain.sort_unstable();
    certain.dedup();
    let only = certain.len() == 1;
    (certain.into_iter().map(people::who).collect(), said || only)
}

/// The control file system is there to be read; whether the host has it mounted, so that others
/// can use it too. Where not, it is mounted for this thread alone.
fn find_control() -> bool {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts::parse(&text).any(|mount| mount.place == CONTROL.as_bytes());
    if !mounted && let Err(error) = kernel::mount_for_this_thread("fusectl", CONTROL) {
        log::debug!("fusectl is not mounted and cannot be: {error}");
    }
    mounted
}

fn folder(number: u32) -> PathBuf {
    Path::new(CONTROL).join(number.to_string())
}

/// Requests without an answer.
fn waiting(number: u32) -> Option<u64> {
    let text = fs::read(folder(number).join("waiting")).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// All connections of the host.
fn numbers() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(CONTROL).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The command that aborts a connection.
fn abort(number: u32, mounted: bool) -> String {
    let abort = format!("echo 1 > {}", folder(number).join("abort").display());
    if mounted {
        abort
    } else {
        format!("mount -t fusectl fusectl {CONTROL}; {abort}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_certain_where_the_kernel_says_so_or_there_is_but_one() {
        let me = std::process::id();
        let pids = |servers: &[(u32, Option<u32>)]| {
            let (found, certain) = of_connection(servers, 7);
            (found.iter().map(|who| who.pid).collect::<Vec<_>>(), certain)
        };
        assert_eq!(pids(&[(me, Some(7)), (1, Some(8))]), (vec![me], true));
        assert_eq!(pids(&[(me, None)]), (vec![me], true));
        assert_eq!(pids(&[(me, None), (1, None)]), (vec![1, me], false));
        assert_eq!(pids(&[(1, Some(8))]), (vec![], false));
    }
}
