//! The story of the last process that had a number.

use std::collections::HashMap;

use super::words::{count, dead_for, ended, same, someone, span, who};
use super::{Known, Life, Seen, State, Story, leader_exited, timeline, unknown};
use crate::events::{Process, Snapshot, Task};
use crate::lifecycle::{How, Record};
use crate::signals;

/// A chain of parents is shorter, unless the snapshot contradicts itself.
const GENERATIONS: usize = 64;

/// Tells of `life`, or that nothing is known. `held` are the zombies that it has not reaped.
pub fn tell(known: &Known<'_>, life: Option<&Life<'_>>, held: u64) -> Story {
    let Some(life) = life else {
        return unknown::story(known);
    };
    Story {
        process: Some(life.process.clone()),
        state: life.state,
        summary: summary(known, life, held),
        meaning: meaning(life),
        timeline: timeline::timeline(life),
        phases: timeline::phases(life, known.now_ns),
        ancestry: ancestry(life.parent(), known.snapshot),
        advice: what_signals_say(known, life),
    }
}

fn summary(known: &Known<'_>, life: &Life<'_>, held: u64) -> String {
    let name = who(life.process);
    match (life.state, life.record) {
        (State::LeaderExited, _) => {
            let threads = leader_exited::living(known.living_threads());
            format!("{name} is alive, not a zombie: its main thread has ended but {threads}")
        }
        (State::Exiting, _) => {
            let begin_ns = life.task.and_then(|task| task.begin_ns);
            match begin_ns {
                Some(begin_ns) => {
                    let ago = span(known.now_ns.saturating_sub(begin_ns));
                    format!("{name} has been exiting for {ago} and has not finished")
                }
                None => format!("{name} was killed or is exiting, and is still there"),
            }
        }
        (State::Zombie, Some(record)) => zombie(known, life, record, &name),
        (State::Zombie, None) => {
            format!("{name} is a zombie: it has exited and nobody has reaped it")
        }
        (State::Reaped, Some(record)) => gone(known, life, record, &name),
        _ if held > 0 => {
            let zombies = count(held, "zombie");
            format!("{name} is alive and has not reaped {zombies}")
        }
        _ => format!("{name} is alive"),
    }
}

fn zombie(known: &Known<'_>, life: &Life<'_>, record: &Record, name: &str) -> String {
    let dead = dead_for(record, known.now_ns);
    let parent = someone(record.parent.as_ref());
    match life.tracer() {
        Some(tracer) if !same(Some(tracer), record.parent.as_ref()) => format!(
            "{name} has been a zombie for {dead}; its tracer {} keeps {parent} from reaping it",
            who(tracer)
        ),
        _ => format!("{name} has been a zombie for {dead}; {parent} has not reaped it"),
    }
}

fn gone(known: &Known<'_>, life: &Life<'_>, record: &Record, name: &str) -> String {
    let end = ended(record.status);
    let reap = record.reap.as_ref();
    let gone_ns = reap.and_then(|reap| reap.at_ns).or(life.gone_by_ns);
    let ago = gone_ns.map(|at_ns| format!(", {} ago", span(known.now_ns.saturating_sub(at_ns))));
    let ago = ago.unwrap_or_default();
    let how = match reap {
        Some(reap) if reap.how == How::Autoreap => "was auto-reaped".to_owned(),
        Some(reap) if reap.by.is_some() => format!("was reaped by {}", someone(reap.by.as_ref())),
        _ => "was reaped".to_owned(),
    };
    format!("{name} is gone: it {end} and {how}{ago}")
}

/// What a program can inherit from whatever started it, and seldom wants.
fn what_signals_say(known: &Known<'_>, life: &Life<'_>) -> Vec<String> {
    let is_alive = matches!(life.state, State::Alive | State::LeaderExited);
    let Some(sigchld) = known.seen.sigchld.filter(|_| is_alive) else {
        return Vec::new();
    };
    let comm = &life.process.comm;
    let mut lines = withheld(known.seen, comm);
    if sigchld.ignored {
        lines.push(format!(
            "{comm} ignores SIGCHLD, which it set itself or inherited from whatever started it: \
             its children are auto-reaped, its wait calls fail with ECHILD and exit statuses are \
             lost; a launcher must reset SIGCHLD to SIG_DFL before exec"
        ));
    }
    if sigchld.blocked_in > 0 {
        lines.push(format!(
            "SIGCHLD is blocked in the main thread of {comm}, by itself or by whatever started it \
             (the signal mask is inherited across exec)"
        ));
    }
    lines
}

/// That it is stopped, and the signals that would end it and cannot come to it.
fn withheld(seen: &Seen, comm: &str) -> Vec<String> {
    let stopped = match seen.state {
        Some('T') => Some("stopped by a signal and runs again after SIGCONT"),
        Some('t') => Some("stopped by its tracer"),
        _ => None,
    };
    let mut lines = Vec::from_iter(stopped.map(|how| format!("{comm} is {how}")));
    lines.extend(seen.withheld.iter().filter_map(|&(signal, blocked)| {
        let why = match (blocked, stopped) {
            (true, _) => {
                "it blocks the signal, by itself or as inherited; SIGKILL cannot be blocked"
            }
            (false, Some(_)) => "it takes effect when the process runs again",
            // It is on its way.
            (false, None) => return None,
        };
        let signal = signals::name(signal);
        Some(format!("{signal} was sent to {comm} and is pending: {why}"))
    }));
    lines
}

fn meaning(life: &Life<'_>) -> Option<&'static str> {
    match life.state {
        State::LeaderExited => Some(
            "A process lives as long as any of its threads. Tools that look only at the main thread \
             (ps, /proc) report it as defunct, which is wrong.",
        ),
        // Its exit was not seen to begin: it may be in a system call yet.
        State::Exiting if life.task.is_none_or(|task| task.begin_ns.is_none()) => {
            Some("Until its exit is finished it is not a zombie and cannot be reaped.")
        }
        State::Exiting => Some(
            "The program no longer runs; the kernel is freeing its memory, closing its files and \
             ending its threads. Until that is done it is not a zombie and cannot be reaped.",
        ),
        State::Zombie => Some(
            "A zombie has exited and holds no memory. Its PID and exit status remain until its \
             parent collects them with a wait call, which is called reaping. Killing a zombie has \
             no effect.",
        ),
        State::Alive | State::Reaped | State::Unknown => None,
    }
}

/// The parent first, up to the one that has none.
fn ancestry(parent: Option<&Process>, snapshot: Option<&Snapshot>) -> Vec<Process> {
    let tasks = snapshot.iter().flat_map(|snapshot| &snapshot.tasks);
    let tasks: HashMap<u32, &Task> = tasks.map(|task| (task.process.key.tgid, task)).collect();
    let mut found: Vec<Process> = Vec::new();
    let mut next = parent.cloned();
    while let Some(process) = next.filter(|it| it.key.tgid != 0 && found.len() < GENERATIONS) {
        let task = tasks.get(&process.key.tgid);
        next = task
            .filter(|task| task.process.key.is_roughly(process.key))
            .and_then(|task| task.parent.clone());
        found.push(process);
    }
    found
}
