//! What one thread waits for, by the system call that it sleeps in. I/O.

use std::io::ErrorKind;

use super::{
    at::{At, Direction, simple},
    call::Call,
    descriptors, file_systems, ipc,
    search::Search,
    sets, shared, sockets,
};
use crate::host::parse;
use crate::host::proc;
use model::culprit::evidence::block::{Block, On};

/// Without what its ends wait for in turn.
pub(super) fn alone(search: &mut Search, pid: u32, tid: u32) -> Option<Block> {
    let root = format!("/proc/{pid}/task/{tid}");
    let status = proc::text(format!("{root}/status")).ok()?;
    if !matches!(parse::state(&status)?, 'S' | 'D' | 'I') {
        return None;
    }
    let wchan = proc::text(format!("{root}/wchan")).ok();
    let wchan = wchan.and_then(|text| parse::wchan(&text));
    // Without the call, only the function that it sleeps in is known.
    let path = format!("{root}/syscall");
    let (call, refused) = match proc::text(&path) {
        Ok(text) => (Call::parse(&text), false),
        Err(error) => (None, error.kind() == ErrorKind::PermissionDenied),
    };
    let call = call.filter(|call| *call != Call::Other);
    let by_wchan = || wchan.as_deref().map(Call::by_wchan);
    let call = call.or_else(by_wchan).unwrap_or(Call::Other);
    let at = At {
        pid,
        tid,
        root,
        wchan,
    };
    let mut block = block(search, &at, call);
    if refused {
        let why = search.refuse(&path);
        block.unknown.get_or_insert(why);
    }
    Some(block)
}

fn block(search: &mut Search, at: &At, call: Call) -> Block {
    if let Some(block) = file_systems::of_file_system(search, at, call) {
        return block;
    }
    match call {
        Call::Read(descriptor) => {
            descriptors::of_descriptor(search, at, descriptor, Direction::Read)
        }
        Call::Write(descriptor) => {
            descriptors::of_descriptor(search, at, descriptor, Direction::Write)
        }
        Call::Open { folder, path } if at.sleeps_in(&["fifo_open", "wait_for_partner"]) => {
            descriptors::of_open(search, at, folder, path)
        }
        Call::Poll { .. } | Call::Select { .. } | Call::Epoll { .. } => {
            sets::of_set(search, at, call)
        }
        Call::Ring => simple(On::Events {
            kinds: vec!["io_uring".to_owned()],
            timed: false,
        }),
        Call::Connect {
            descriptor,
            address,
            len,
        } => {
            let block = descriptors::of_descriptor(search, at, descriptor, Direction::Write);
            sockets::of_connect(search, at, block, address, len)
        }
        Call::Futex {
            private,
            word,
            timed,
        } => {
            let word = (!private).then_some(word);
            shared::of_futexes(search, at, word.as_slice(), timed)
        }
        Call::Futexes { list, count, timed } => {
            shared::of_list_of_futexes(search, at, list, count, timed)
        }
        Call::Messages { queue, full } => ipc::of_messages(search, at, queue, full),
        Call::Semaphore {
            set,
            list,
            count,
            timed,
        } => ipc::of_semaphore(search, at, set, (list, count), timed),
        Call::TimedQueue { descriptor, full } => of_timed_queue(search, at, descriptor, full),
        Call::Restarted => of_restarted(at),
        Call::Lock(descriptor) => descriptors::of_lock(search, at, descriptor),
        Call::Fork => descriptors::of_vfork(search, at),
        Call::Sleep => simple(On::Timer),
        Call::Signal => simple(On::Signal),
        Call::Wait => simple(On::Child),
        Call::About(_) | Call::Open { .. } | Call::Other => descriptors::of_wchan(at),
    }
}

/// A POSIX message queue, with a timeout.
fn of_timed_queue(search: &mut Search, at: &At, descriptor: u32, full: bool) -> Block {
    let way = if full {
        Direction::Write
    } else {
        Direction::Read
    };
    let mut block = descriptors::of_descriptor(search, at, descriptor, way);
    if let On::Ipc { timed, .. } = &mut block.on {
        *timed = true;
    }
    block
}

/// A restarted wait with a timeout: a sleep, a poll, or a lock.
fn of_restarted(at: &At) -> Block {
    match descriptors::of_wchan(at).on {
        On::Events { kinds, .. } => simple(On::Events { kinds, timed: true }),
        _ => simple(On::Timer),
    }
}
