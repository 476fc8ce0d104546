//! The story of the last process that had a PID.

use super::words::{count, dead_for, ended, named, same, someone, span};
use super::{Exit, Known, Life, State, Stop, Story, leader_exited, timeline, unknown};
use crate::events::{Process, Snapshot};
use crate::lifecycle::{How, Record};
use crate::signals;
use crate::stuck::evidence::ignored::Fate;

/// The longest chain of parents: a snapshot that contradicts itself could have a cycle.
const GENERATIONS: usize = 64;

/// The story of `life`, or that no process is known. `held` counts the zombies that it has not
/// reaped.
pub fn story(known: &Known<'_>, life: Option<&Life<'_>>, held: u64) -> Story {
    let Some(life) = life else {
        return unknown::story(known);
    };
    Story {
        process: Some(*life.process),
        state: life.state,
        exit: exit(known, life),
        summary: summary(known, life, held),
        meaning: meaning(life.state, exit(known, life)),
        timeline: timeline::timeline(life, pending(known, life)),
        phases: timeline::phases(life, known.now_ns),
        ancestry: ancestry(life.parent(), known.snapshot),
        advice: advice(known, life),
    }
}

fn summary(known: &Known<'_>, life: &Life<'_>, held: u64) -> String {
    let name = named(life.process);
    match (life.state, life.record) {
        (State::LeaderExited, _) => {
            let threads = leader_exited::living(known.living_threads());
            format!("{name} is alive, not a zombie: its main thread has exited, but {threads}")
        }
        (State::Exiting, _) if exit(known, life) == Some(Exit::NotBegun) => {
            let kill = life.task.and_then(|task| task.kill.as_ref());
            let ago = kill.map(|kill| {
                let ago = span(known.now_ns.saturating_sub(kill.at_ns));
                format!(" {ago} ago")
            });
            let ago = ago.unwrap_or_default();
            format!("{name} was killed{ago}, but is still in the kernel and has not begun to exit")
        }
        (State::Exiting, _) => {
            let begin_ns = life.task.and_then(|task| task.begin_ns);
            match begin_ns {
                Some(begin_ns) => {
                    let ago = span(known.now_ns.saturating_sub(begin_ns));
                    format!("{name} has been exiting for {ago} and has not finished")
                }
                None => format!("{name} was killed or is exiting, but has not finished"),
            }
        }
        (State::Zombie, Some(record)) => zombie(known, life, record, &name),
        (State::Zombie, None) => {
            format!("{name} is a zombie: it has exited and has not been reaped")
        }
        (State::Reaped, Some(record)) => gone(known, life, record, &name),
        _ if held > 0 => {
            let zombies = count(held, "zombie");
            format!("{name} is alive and has not reaped {zombies}")
        }
        _ => format!("{name} is alive{}", stopped(known, life)),
    }
}

fn zombie(known: &Known<'_>, life: &Life<'_>, record: &Record, name: &str) -> String {
    let dead = dead_for(record, known.now_ns);
    let parent = someone(record.parent.as_ref());
    match life.tracer() {
        Some(tracer) if !same(Some(tracer), record.parent.as_ref()) => format!(
            "{name} has been a zombie for {dead}; its tracer {} keeps {parent} from reaping it",
            named(tracer)
        ),
        _ => format!("{name} has been a zombie for {dead}; {parent} has not reaped it"),
    }
}

fn gone(known: &Known<'_>, life: &Life<'_>, record: &Record, name: &str) -> String {
    let end = ended(record.status);
    let reap = record.reap.as_ref();
    let gone_ns = reap.and_then(|reap| reap.at_ns).or(life.gone_by_ns);
    let ago = gone_ns.map(|at_ns| format!(" {} ago", span(known.now_ns.saturating_sub(at_ns))));
    let ago = ago.unwrap_or_default();
    let how = match reap {
        Some(reap) if reap.how == How::Autoreap => "was auto-reaped".to_owned(),
        Some(reap) if reap.by.is_some() => format!("was reaped by {}", someone(reap.by.as_ref())),
        _ => "was reaped".to_owned(),
    };
    format!("{name} is gone: it {end} and {how}{ago}")
}

/// `, but stopped by SIGSTOP`.
fn stopped(known: &Known<'_>, life: &Life<'_>) -> String {
    let signal = life.task.and_then(|task| task.stop_signal);
    match known.seen.stopped {
        None => String::new(),
        Some(Stop::Tracer) => ", but stopped by its tracer".to_owned(),
        Some(Stop::Signal) => match signal {
            Some(signal) => format!(", but stopped by {}", signals::name(signal)),
            None => ", but stopped".to_owned(),
        },
    }
}

/// The terminating signal that is pending for a living process, and why.
fn pending(known: &Known<'_>, life: &Life<'_>) -> Option<(u8, Fate)> {
    known.seen.pending.filter(|_| life.state.is_alive())
}

fn advice(known: &Known<'_>, life: &Life<'_>) -> Vec<String> {
    let pending =
        pending(known, life).map(|(signal, fate)| pending_advice(known, life, signal, fate));
    pending
        .into_iter()
        .chain(inherited_settings(known, life))
        .chain(leaked_pidfds(known, life))
        .collect()
}

/// Advice on a pending signal.
fn pending_advice(known: &Known<'_>, life: &Life<'_>, signal: u8, fate: Fate) -> String {
    let signal = signals::name(signal);
    let (comm, pid) = (&life.process.comm, known.pid);
    match fate {
        Fate::Stopped => format!(
            "{signal} is pending and takes effect when {comm} is resumed: kill -CONT {pid}; \
             SIGKILL ends it even while it is stopped: kill -9 {pid}"
        ),
        Fate::Traced => format!(
            "{signal} is pending and takes effect when the tracer of {comm} continues it or \
             detaches; SIGKILL ends it even while it is stopped: kill -9 {pid}"
        ),
        Fate::Blocked | Fate::ByChoice | Fate::AsInit => format!(
            "{signal} is pending until {comm}, which blocks it, unblocks it (the signal mask is \
             inherited across exec); SIGKILL cannot be blocked: kill -9 {pid}"
        ),
    }
}

/// Signal settings that a program can inherit by mistake from the program that started it.
fn inherited_settings(known: &Known<'_>, life: &Life<'_>) -> Vec<String> {
    let Some(sigchld) = known.seen.sigchld.filter(|_| life.state.is_alive()) else {
        return Vec::new();
    };
    let comm = &life.process.comm;
    let mut lines = Vec::new();
    if sigchld.ignored {
        lines.push(format!(
            "{comm} ignores SIGCHLD (set by itself or inherited from the program that started it): \
             its children are auto-reaped, its wait calls fail with ECHILD and exit statuses are \
             lost; a launcher must reset SIGCHLD to SIG_DFL before exec"
        ));
    }
    if sigchld.blocked_in > 0 {
        lines.push(format!(
            "the main thread of {comm} blocks SIGCHLD; the program did that itself or inherited it \
             (the signal mask is inherited across exec)"
        ));
    }
    lines
}

/// So many pidfds of reaped processes are no accident. A few are normal: a program closes them after
/// it has reaped.
const LEAKED_PIDFDS: u64 = 16;

fn leaked_pidfds(known: &Known<'_>, life: &Life<'_>) -> Option<String> {
    let pidfds = known.seen.pidfds.filter(|_| life.state.is_alive())?;
    (pidfds.reaped >= LEAKED_PIDFDS).then(|| {
        format!(
            "{} holds {}{} pidfds of processes that have been reaped. Each takes a file descriptor \
             and kernel memory until it is closed: the program must close a pidfd once its process \
             is reaped. To list them: grep -lE '^Pid:.*-1' /proc/{}/fdinfo/*",
            life.process.comm,
            if pidfds.is_lower_bound {
                "at least "
            } else {
                ""
            },
            pidfds.reaped,
            known.pid,
        )
    })
}

/// How far its exit is. An exit that the probes saw begin has begun.
fn exit(known: &Known<'_>, life: &Life<'_>) -> Option<Exit> {
    let task = life.task.filter(|_| life.state == State::Exiting)?;
    match known.seen.exit {
        Some(Exit::NotBegun) | None if task.begin_ns.is_some() => Some(Exit::Begun),
        exit => exit,
    }
}

fn meaning(state: State, exit: Option<Exit>) -> Option<&'static str> {
    match state {
        State::LeaderExited => Some(
            "A process lives as long as any of its threads. Tools that look only at the main thread \
             (ps, /proc) report it as defunct, which is wrong.",
        ),
        State::Exiting if exit == Some(Exit::NotBegun) => Some(
            "SIGKILL takes effect when a thread leaves the kernel. Until then the process keeps \
             its memory and its files, is not a zombie and cannot be reaped. More signals change \
             nothing.",
        ),
        State::Exiting if exit == Some(Exit::DumpingCore) => Some(
            "The program no longer runs. The kernel is writing its core dump and then frees its \
             memory. Until that is done, the process is not a zombie and cannot be reaped.",
        ),
        State::Exiting if exit.is_none() => Some(
            "It was sent a fatal signal, or its exit has begun. Until its threads have ended, its files \
             are closed and its memory is freed, it is not a zombie and cannot be reaped.",
        ),
        State::Exiting => Some(
            "The program no longer runs. The kernel is freeing its memory, closing its files and \
             ending its threads. Until that is done, the process is not a zombie and cannot be \
             reaped.",
        ),
        State::Zombie => Some(
            "A zombie has exited and holds no memory. Its PID and exit status remain until its \
             parent collects them with a wait call, which is called reaping. Killing a zombie has \
             no effect.",
        ),
        State::Alive | State::Reaped | State::Unknown => None,
    }
}

/// The chain of parents, the nearest first.
fn ancestry(parent: Option<&Process>, snapshot: Option<&Snapshot>) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut next = parent.copied();
    while let Some(process) = next.filter(|it| it.key.tgid != 0 && found.len() < GENERATIONS) {
        next = snapshot
            .and_then(|snapshot| snapshot.tasks.get(process.key))
            .and_then(|task| task.parent);
        found.push(process);
    }
    found
}
