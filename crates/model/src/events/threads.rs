//! Threads of exiting processes, with their kernel stacks.

use super::{
    Malformed, Thread,
    decode::{Turn, key, split, wrong_size},
};

/// Decodes [`wire::ThreadRecord`]s, each followed by the lines of its stack.
pub fn decode_threads(mut bytes: &[u8]) -> Result<Vec<Thread>, Malformed> {
    let mut threads = Vec::new();
    while !bytes.is_empty() {
        let (record, mut rest) = split::<wire::ThreadRecord>(bytes)?;
        let mut stack = Vec::new();
        for _ in 0..record.frames {
            let end = rest
                .iter()
                .position(|&byte| byte == b'\n')
                .ok_or_else(|| wrong_size::<wire::ThreadRecord>(bytes))?;
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
