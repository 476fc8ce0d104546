//! Threads of exiting processes, with their kernel stacks.

use super::{
    Malformed, Thread,
    decode::{Turn, key, whole},
};

/// Decodes [`wire::ThreadRecord`]s, each followed by the lines of its stack.
pub fn decode_threads(mut bytes: &[u8]) -> Result<Vec<Thread>, Malformed> {
    let want = size_of::<wire::ThreadRecord>();
    let mut threads = Vec::new();
    while !bytes.is_empty() {
        let size = || Malformed::Size {
            got: bytes.len(),
            want,
        };
        let (head, mut rest) = bytes.split_at_checked(want).ok_or_else(size)?;
        let record: wire::ThreadRecord = whole(head)?;
        let mut stack = Vec::new();
        for _ in 0..record.frames {
            let end = rest
                .iter()
                .position(|&byte| byte == b'\n')
                .ok_or_else(size)?;
            stack.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            rest = &rest[end + 1..];
        }
        threads.push(thread(&record, stack)?);
        bytes = rest;
    }
    Ok(threads)
}

fn thread(record: &wire::ThreadRecord, stack: Vec<String>) -> Result<Thread, Malformed> {
    let turn = Turn {
        last_ran_sched_ns: record.last_ran_sched_ns,
        runtime_ns: record.runtime_ns,
        reader_ran_sched_ns: record.reader_ran_sched_ns,
        read_ns: record.read_ns,
    };
    Ok(Thread {
        of: key(record.tgid, record.start_ns).ok_or(Malformed::NoProcess(0))?,
        tid: record.tid,
        slept_by_ns: turn.over_by(),
        stack,
    })
}
