//! Message queues and semaphores, and the processes that used them last. I/O.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::{
    at::{At, Direction, simple, unsure},
    pipes,
    search::Search,
};
use crate::host::proc;
use model::culprit::evidence::block::{Block, Ipc, On};

/// Operations of one call that are looked at, and the bytes of each.
const OPERATIONS: usize = 64;
const OPERATION: usize = 6;
/// Columns of /proc/sysvipc/msg: the last sender, the last receiver.
const SENDER: usize = 5;
const RECEIVER: usize = 6;

/// A message queue of System V.
pub(super) fn of_messages(search: &mut Search, at: &At, queue: u32, full: bool) -> Block {
    let on = On::Ipc {
        what: Ipc::Messages {
            queue: Some(queue),
            full,
        },
        timed: false,
    };
    if let Some(why) = other_ipc(search, at) {
        return unsure(on, why);
    }
    let last = proc::text("/proc/sysvipc/msg").ok().and_then(|text| {
        let column = if full { RECEIVER } else { SENDER };
        last_user(&text, queue, column)
    });
    let verb = if full { "received from" } else { "sent to" };
    used_last(search, at, on, last, verb)
}

/// System V semaphores: the first one that blocks the call.
pub(super) fn of_semaphore(
    search: &mut Search,
    at: &At,
    set: u32,
    (address, count): (u64, u64),
    timed: bool,
) -> Block {
    let on = On::Ipc {
        what: Ipc::Semaphore { set: Some(set) },
        timed,
    };
    if let Some(why) = other_ipc(search, at) {
        return unsure(on, why);
    }
    let len = usize::try_from(count).unwrap_or(OPERATIONS).min(OPERATIONS) * OPERATION;
    let operations = match search.argument(at.pid, address, len) {
        Ok(bytes) => operations(&bytes),
        Err(why) => return unsure(on, why),
    };
    for (number, change) in operations {
        let value = match control(set, number, GETVAL) {
            Ok(value) => value,
            Err(error) => return unsure(on, refusal_of(&error)),
        };
        let change = i64::from(change);
        let blocks = match change {
            0 => value != 0,
            _ => i64::from(value) + change < 0,
        };
        if blocks {
            let last = control(set, number, GETPID).ok();
            return used_last(search, at, on, last, "changed");
        }
    }
    simple(on)
}

/// A POSIX message queue.
pub(super) fn of_queue(
    search: &mut Search,
    at: &At,
    descriptor: u32,
    way: Direction,
    path: &Path,
) -> Block {
    let holders = pipes::of_fifo(search, &at.root, descriptor, path);
    let (mut pids, unread) = pipes::facing(holders, way.opposite());
    // The waiting process itself cannot end the wait.
    pids.retain(|&pid| pid != at.pid);
    let on = On::Ipc {
        what: Ipc::Queue {
            name: Some(proc::name_of(path.as_os_str().as_encoded_bytes())),
            full: way == Direction::Write,
        },
        timed: false,
    };
    let block = search.block(on, at, pids);
    Block {
        unknown: block.unknown.or(unread),
        ..block
    }
}

fn used_last(search: &mut Search, at: &At, on: On, last: Option<u32>, verb: &str) -> Block {
    let ends = search.ends(at.pid, last.filter(|&pid| pid != 0).into_iter().collect());
    let unknown = match last {
        _ if !ends.is_empty() => None,
        Some(0) => Some(format!("no process that reapwatch can see has {verb} it")),
        Some(pid) => Some(format!(
            "the last process that {verb} it, PID {pid}, has exited"
        )),
        None => Some(format!("the last process that {verb} it was not found")),
    };
    Block { on, ends, unknown }
}

/// Why the queues and semaphores of a process in another IPC namespace are not known.
fn other_ipc(search: &mut Search, at: &At) -> Option<String> {
    let path = format!("/proc/{}/ns/ipc", at.pid);
    let theirs = search.got(&path, fs::read_link(&path));
    let ours = fs::read_link("/proc/self/ns/ipc").ok();
    (theirs.is_none() || theirs != ours)
        .then(|| "it is in a different IPC namespace than reapwatch".to_owned())
}

/// What the function alone shows.
pub(super) fn of_function(at: &At) -> Option<Ipc> {
    if at.sleeps_in(&["do_msgrcv", "do_msgsnd"]) {
        Some(Ipc::Messages {
            queue: None,
            full: at.sleeps_in(&["do_msgsnd"]),
        })
    } else if at.sleeps_in(&["do_semtimedop", "__do_semtimedop"]) {
        Some(Ipc::Semaphore { set: None })
    } else {
        let full = false;
        at.sleeps_in(&["wq_sleep"])
            .then_some(Ipc::Queue { name: None, full })
    }
}

/// A column of the row of a queue.
fn last_user(text: &str, queue: u32, column: usize) -> Option<u32> {
    let mut rows = text.lines().skip(1).map(str::split_ascii_whitespace);
    let mut row =
        rows.find(|row| row.clone().nth(1).and_then(|id| id.parse().ok()) == Some(queue))?;
    row.nth(column)?.parse().ok()
}

/// Which semaphores a call changes, and by how much: `struct sembuf`.
fn operations(bytes: &[u8]) -> Vec<(u16, i16)> {
    let half = |at: &[u8]| Some([*at.first()?, *at.get(1)?]);
    let all = bytes.chunks_exact(OPERATION).filter_map(|it| {
        let number = u16::from_ne_bytes(half(it)?);
        Some((number, i16::from_ne_bytes(half(it.get(2..)?)?)))
    });
    all.collect()
}

/// Commands of `semctl(2)` that only read.
const GETPID: i32 = 11;
const GETVAL: i32 = 12;

/// The value of a semaphore, or the last process that changed it.
fn control(set: u32, number: u16, command: i32) -> io::Result<u32> {
    // SAFETY: Neither command takes a fourth argument, and the kernel writes nowhere.
    let answer = unsafe { libc::semctl(set as libc::c_int, number.into(), command) };
    u32::try_from(answer).map_err(|_| io::Error::last_os_error())
}

fn refusal_of(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "finding the process that changed it last needs CAP_IPC_OWNER".to_owned()
        }
        _ => "that semaphore no longer exists".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_of_a_queue_is_read_from_its_row() {
        let text = "       key      msqid perms      cbytes       qnum lspid lrpid   uid\n\
                    \x20        0          3   600           0          0   41    42     0\n";
        assert_eq!(last_user(text, 3, SENDER), Some(41));
        assert_eq!(last_user(text, 3, RECEIVER), Some(42));
        assert_eq!(last_user(text, 4, SENDER), None);
        assert_eq!(last_user("", 3, SENDER), None);
    }

    #[test]
    fn operations_on_semaphores_are_read() {
        let bytes = [1_i16, -1, 0, 2, 0, 0].map(i16::to_ne_bytes).concat();
        assert_eq!(operations(&bytes), [(1, -1), (2, 0)]);
        assert_eq!(operations(&bytes[..5]), []);
    }

    #[test]
    fn damaged_queues_and_operations_are_read() {
        let table = "key msqid perms cbytes qnum lspid lrpid uid\n0 3 600 0 0 41 42 0\n";
        fuzz::feed(&[table.as_bytes(), &[1, 0, 0xff, 0xff, 0, 0]], |bytes| {
            let _ = last_user(&String::from_utf8_lossy(bytes), 3, SENDER);
            operations(bytes);
        });
    }
}
