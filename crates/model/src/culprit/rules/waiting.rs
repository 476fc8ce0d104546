//! Sentences on what a thread does and waits for, and how to end that.

use super::words::span;
use crate::culprit::evidence::{
    Block, Evidence, Facts, Thread,
    block::{End, Ipc, On, Relation},
};

/// What the thread that should reap does: `thread 12 (reaper, of 3 threads), which used to reap,
/// is …`.
pub(super) fn thread(evidence: &Evidence) -> Option<String> {
    let facts = evidence.facts.as_ref()?;
    let (thread, used_to) = evidence.reaping_thread()?;
    let name = if facts.threads == 1 {
        "its only thread".to_owned()
    } else if thread.tid == evidence.pid {
        format!("its main thread (of {} threads)", facts.threads)
    } else if thread.comm.is_empty() || thread.comm == evidence.comm {
        format!("thread {} (of {} threads)", thread.tid, facts.threads)
    } else {
        format!(
            "thread {} ({}, of {} threads)",
            thread.tid, thread.comm, facts.threads
        )
    };
    let used_to = if used_to { ", which used to reap," } else { "" };
    Some(format!("{name}{used_to} {}", doing(evidence, thread)))
}

/// A thread other than the one that is looked at first, blocked on another process if there is one,
/// else on a thread of its own process.
pub(super) fn other_held_up(evidence: &Evidence) -> Option<&Thread> {
    let (first, _) = evidence.reaping_thread()?;
    let others = || {
        let living = evidence.facts.iter().flat_map(Facts::living);
        living.filter(|thread| thread.tid != first.tid)
    };
    let hard = others().find(|thread| thread.block.as_ref().is_some_and(Block::is_hard));
    let inside = |thread: &&Thread| {
        let block = thread.block.as_ref();
        block.is_some_and(|block| block.on == On::PrivateFutex)
    };
    hard.or_else(|| others().find(inside))
}

/// What that thread waits for, and who is at the other end, unless that is in `lines` already.
pub(super) fn add_other(evidence: &Evidence, lines: &mut Vec<String>) {
    let Some(thread) = other_held_up(evidence) else {
        return;
    };
    lines.push(named_thread(evidence, thread));
    for line in thread.block.iter().flat_map(ends) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
}

/// `thread 12 (reaper) is reading from a pipe`.
pub(super) fn named_thread(evidence: &Evidence, thread: &Thread) -> String {
    let doing = doing(evidence, thread);
    format!("thread {} ({}) {doing}", thread.tid, thread.comm)
}

/// What a thread does: `is reading from a pipe`.
pub(super) fn doing(evidence: &Evidence, thread: &Thread) -> String {
    if let Some(block) = &thread.block {
        return waits(block);
    }
    let busy = evidence.since.as_ref().and_then(|since| {
        let share = since.cpu?.ran_ns * 100 / since.span_ns.max(1);
        Some(format!(
            " ({share} % of a CPU over the last {})",
            span(since.span_ns)
        ))
    });
    match (thread.state, &thread.wchan) {
        ('R', _) => format!("is running{}", busy.unwrap_or_default()),
        ('S' | 'D' | 'I', Some(wchan)) => format!("sleeps in {wchan}"),
        (state, _) => format!("is in state {state}"),
    }
}

/// What a sleeping thread waits for: `is reading from a pipe`.
#[expect(
    clippy::too_many_lines,
    reason = "a table: the words for each kind of wait"
)]
pub(super) fn waits(block: &Block) -> String {
    let path = |path: &Option<String>| path.as_ref().map_or(String::new(), |it| format!(" {it}"));
    match &block.on {
        On::PipeRead => "is reading from a pipe".to_owned(),
        On::PipeWrite => "is writing to a full pipe".to_owned(),
        On::FifoOpen { path: it } => {
            format!(
                "is opening the FIFO{} and waits for a process to open its other end",
                path(it)
            )
        }
        On::Socket {
            family,
            peer,
            open: true,
        } => format!(
            "is waiting for a connection or a message on its {family} socket{}",
            path(peer)
        ),
        On::Socket { family, peer, .. } => match peer {
            Some(peer) => format!("is waiting on a {family} socket connected to {peer}"),
            None => format!("is waiting on a {family} socket"),
        },
        On::Connect { family, address } => match address {
            Some(address) => format!("is connecting to {family} {address}"),
            None => format!("is sending on a {family} socket whose receiver's queue is full"),
        },
        On::Ipc { what, timed } => {
            let timed = if *timed { ", with a timeout" } else { "" };
            format!("is waiting for {}{timed}", ipc(what))
        }
        On::Eventfd => "is waiting on an eventfd".to_owned(),
        On::PrivateFutex => "is waiting for another thread of its process (a futex)".to_owned(),
        On::LoneFutex => {
            "is waiting on a futex, but its process has no other thread to wake it".to_owned()
        }
        On::SharedFutex { path: it } => format!(
            "is waiting for a lock in shared memory{} (a futex)",
            path(it)
        ),
        On::FileLock { path: it } => format!("is waiting for a lock on the file{}", path(it)),
        On::VforkChild => "is in vfork until the child that it started execs or exits".to_owned(),
        On::Fuse => "is waiting for a FUSE server".to_owned(),
        On::Network { mount } => format!("is waiting for the file server of {mount}"),
        On::Terminal { path: it } => format!("is reading from the terminal{}", path(it)),
        On::TerminalWrite { path: it } => format!(
            "is writing to the terminal{}, which accepts no more output",
            path(it)
        ),
        On::Master { path: it } => format!("is reading the output of the terminal{}", path(it)),
        On::Events { kinds, timed } => {
            let kinds = if kinds.is_empty() {
                String::new()
            } else {
                format!(" on {}", kinds.join(", "))
            };
            let timed = if *timed { ", with a timeout" } else { "" };
            format!("is waiting for events{kinds} (poll, select or epoll){timed}")
        }
        On::Timer => "is sleeping until a timer expires".to_owned(),
        On::Signal => "is waiting for a signal".to_owned(),
        On::Child => "is in a wait call".to_owned(),
        On::Disk => "is waiting for a disk".to_owned(),
        On::Other { wchan: Some(wchan) } if wchan == "ptrace_stop" => {
            "is stopped by its tracer".to_owned()
        }
        On::Other { wchan: Some(wchan) } => format!("sleeps in {wchan}"),
        On::Other { wchan: None } => "is sleeping".to_owned(),
    }
}

/// `space in the System V message queue 5`.
fn ipc(what: &Ipc) -> String {
    let number = |it: &Option<u32>| it.map_or(String::new(), |it| format!(" {it}"));
    let wants = |full: bool| if full { "space in" } else { "a message in" };
    match what {
        Ipc::Messages { queue, full } => {
            format!(
                "{} the System V message queue{}",
                wants(*full),
                number(queue)
            )
        }
        Ipc::Semaphore { set } => format!("a System V semaphore (set{})", number(set)),
        Ipc::Queue { name, full } => {
            let name = name.as_ref().map_or(String::new(), |it| format!(" {it}"));
            format!("{} the POSIX message queue{name}", wants(*full))
        }
    }
}

/// The processes at the other end, and what the first of them waits for; one line each.
pub(super) fn ends(block: &Block) -> Vec<String> {
    let mut lines = Vec::new();
    if block.ends.is_empty() {
        match &block.on {
            On::FifoOpen { .. } => lines.push("no process has the other end open".to_owned()),
            On::PipeRead if block.unknown.is_none() => {
                lines.push("no other process holds the write end of that pipe".to_owned());
            }
            On::Ipc {
                what: Ipc::Queue { full, .. },
                ..
            } if block.unknown.is_none() => {
                let way = if *full { "receiving" } else { "sending" };
                lines.push(format!("no other process has that queue open for {way}"));
            }
            On::Master { .. } if block.unknown.is_none() => {
                lines.push("no other process has that terminal open".to_owned());
            }
            On::SharedFutex { path: Some(_) } => lines.push(
                "no other process was found that maps that memory: the holder of the lock has \
                 exited, or is another thread of this process"
                    .to_owned(),
            ),
            _ => {}
        }
    } else {
        let ends: Vec<_> = block.ends.iter().map(|it| end(it, &block.on)).collect();
        lines.push(format!("{} {}", role(block), ends.join(", ")));
    }
    lines.extend(
        block
            .unknown
            .iter()
            .map(|why| format!("not fully known: {why}")),
    );
    if let Some(end) = block.ends.first()
        && let Some(further) = &end.waits_for
    {
        lines.push(format!("{} {}", named(end), waits(further)));
        lines.extend(ends(further));
    }
    lines
}

/// What the processes at the other end have or are.
fn role(block: &Block) -> &'static str {
    let several = block.ends.len() > 1;
    match &block.on {
        On::PipeRead => "the write end is held by",
        On::PipeWrite => "the read end is held by",
        On::FifoOpen { .. } => "the FIFO is open in",
        On::Socket { .. } => "the other end of the socket is held by",
        On::Eventfd => "the eventfd is shared with",
        On::SharedFutex { .. } if several => "one of these processes has to release it:",
        On::SharedFutex { .. } => "the only other process that maps the memory is",
        On::FileLock { .. } => "the lock is held by",
        On::VforkChild | On::Child => "the child is",
        On::Fuse => "the server is",
        On::Connect { address: None, .. } => "the receiver is",
        On::Connect { .. } => "the listener is",
        On::Ipc { what, .. } => match what {
            Ipc::Messages { full: true, .. } => "the last to receive from it was",
            Ipc::Messages { full: false, .. } => "the last to send to it was",
            Ipc::Semaphore { .. } => "the last to change it was",
            Ipc::Queue { full: true, .. } => "it is open for receiving in",
            Ipc::Queue { full: false, .. } => "it is open for sending in",
        },
        On::Terminal { .. } | On::TerminalWrite { .. } => "its master side is held by",
        On::Master { .. } => "the terminal is open in",
        On::Events { .. } => "processes at the other ends include",
        _ if block.ends.iter().any(is_tracer) => "the tracer is",
        _ => "it depends on",
    }
}

/// `sleep (PID 12)`.
pub(super) fn named(end: &End) -> String {
    format!("{} (PID {})", end.comm, end.pid)
}

fn is_tracer(end: &End) -> bool {
    end.relation == Relation::Tracer
}

fn end(end: &End, on: &On) -> String {
    let is_child = matches!(on, On::VforkChild | On::Child);
    let relation = match end.relation {
        Relation::LeftByDeadChild => ", left behind by a dead child",
        Relation::Descendant if !is_child => ", a descendant",
        Relation::Itself => ", the process itself",
        Relation::Descendant | Relation::Tracer | Relation::Other => "",
    };
    let state = match end.state {
        Some('T') => ", which is stopped",
        Some('t') if end.waits_for.is_none() => ", which is stopped by a tracer",
        Some('D') => ", which is in uninterruptible sleep",
        Some('Z') => ", which is a zombie",
        _ => "",
    };
    format!("{}{relation}{state}", named(end))
}

/// How to end a wait that has a command or a key of its own.
fn own_fix(block: &Block) -> Option<String> {
    let first = block.ends.first();
    Some(match &block.on {
        On::LoneFutex => {
            "no thread is left to release that lock or signal that condition: fix the program \
             where that thread exits or is never started"
                .to_owned()
        }
        On::Terminal { path: Some(path) } => format!(
            "it waits for input on {path}: type it there, or start the program with another stdin \
             (</dev/null)"
        ),
        On::TerminalWrite { path: Some(path) } => {
            let reader = first.map_or_else(
                || "the process that holds its master side".to_owned(),
                |end| format!("{}, which holds its master side,", named(end)),
            );
            format!(
                "if Ctrl-S stopped the output of {path}, press Ctrl-Q there; otherwise {reader} does \
                 not read it"
            )
        }
        On::Ipc { what, .. } if first.is_none() => {
            let look = match what {
                Ipc::Messages {
                    queue: Some(queue), ..
                } => format!("ipcs -q -i {queue}"),
                Ipc::Semaphore { set: Some(set) } => format!("ipcs -s -i {set}"),
                Ipc::Queue {
                    name: Some(name), ..
                } => format!("/dev/mqueue{name}"),
                _ => return None,
            };
            format!("find out which process should act on it ({look} shows its state)")
        }
        _ => return None,
    })
}

/// How to end the wait, without a full stop; `None` if no process is known that could.
pub(super) fn fix(block: &Block) -> Option<String> {
    if matches!(block.on, On::FifoOpen { .. }) && block.ends.is_empty() {
        return Some(
            "open the other end of that FIFO, or make the program open it with O_NONBLOCK"
                .to_owned(),
        );
    }
    if matches!(block.on, On::SharedFutex { path: Some(_) }) && block.ends.is_empty() {
        return Some(
            "unless another thread of the program holds that lock, its holder has most likely \
             exited without releasing it; use a lock that the kernel releases when its holder \
             exits (flock, a robust mutex)"
                .to_owned(),
        );
    }
    if let Some(fix) = own_fix(block) {
        return Some(fix);
    }
    if block.is_open() {
        let names: Vec<_> = block.ends.iter().map(named).collect();
        return Some(format!(
            "find out which process holds the lock, and why it does not release it; candidates: {}",
            names.join(", ")
        ));
    }
    block.actor().map(|actor| fix_actor(block, actor))
}

/// What to do about the process that could end the wait.
fn fix_actor(block: &Block, actor: &End) -> String {
    let name = named(actor);
    let pid = actor.pid;
    match (actor.state, actor.relation, &block.on) {
        (Some('T'), _, _) => format!("{name} is stopped: resume it with kill -CONT {pid}"),
        (_, Relation::LeftByDeadChild, On::Master { .. }) => format!(
            "end {} (kill {pid}), or start it with its output redirected so that it does not keep \
             the terminal open",
            actor.comm
        ),
        (_, Relation::LeftByDeadChild, On::PipeRead | On::Events { .. }) => format!(
            "end {} (kill {pid}), or start it with its output redirected so that it does not keep \
             the pipe open",
            actor.comm
        ),
        (_, Relation::Itself, _) => {
            "the program holds both ends open: close the one that it does not use".to_owned()
        }
        (_, _, On::PipeRead | On::Events { .. }) => {
            format!("find out what {name} is waiting for; this wait ends when it writes or exits")
        }
        (_, _, On::Connect { .. }) => {
            format!("find out why {name} accepts no connections; its backlog is full")
        }
        (_, _, On::Ipc { what, .. }) => match what {
            Ipc::Messages { full: true, .. } | Ipc::Queue { full: true, .. } => {
                format!("find out why {name} receives nothing")
            }
            Ipc::Semaphore { .. } => {
                format!("find out why {name} does not increment that semaphore")
            }
            _ => format!("find out why {name} sends nothing"),
        },
        (_, _, On::PipeWrite) => format!(
            "make {name} read from the pipe, or end it (kill {pid}): the writer then gets SIGPIPE \
             or EPIPE"
        ),
        (_, _, On::FileLock { .. }) => {
            format!(
                "find out why {name} keeps the lock; it is released when {name} unlocks it or exits"
            )
        }
        (_, _, On::VforkChild) => format!(
            "find out what {name} is waiting for; kill -9 {pid} ends that child, and with it the \
             wait"
        ),
        (_, _, On::Fuse) => format!("find out why the FUSE server {name} does not answer"),
        _ => format!("find out what {name} is waiting for"),
    }
}
