//! What keeps another process from acting, and the command that ends that. A chain is followed to
//! the process that can act: the debugger of a stopped tracer, the reader of the pipe to which
//! strace writes, the ssh of sshfs.

use super::words;
use crate::culprit::evidence::block::{End, On, Relation};
use crate::stuck::evidence::Actor;
use crate::words::named;

/// Why a process does not act.
pub(super) struct Hold {
    /// `strace (PID 7) is stopped`.
    pub(super) why: String,
    /// What to do, with the command at its end: `resume strace (PID 7): kill -CONT 7`.
    pub(super) action: String,
}

/// What holds a process; `None` if nothing is seen to hold it.
pub(super) fn of(actor: &Actor) -> Option<Hold> {
    let name = words::name(actor);
    match actor.state {
        Some('T') => {
            return Some(Hold {
                why: format!("{name} is stopped"),
                action: format!("resume {name}: kill -CONT {}", actor.pid),
            });
        }
        Some('t') => {
            let tracer = actor.tracer.as_deref()?;
            let held = of(tracer);
            return Some(Hold {
                why: match &held {
                    Some(held) => format!(
                        "{name} is stopped by its tracer {}, and {}",
                        words::name(tracer),
                        held.why
                    ),
                    None => format!("{name} is stopped by its tracer {}", words::name(tracer)),
                },
                action: held.map_or_else(|| release(tracer), |held| held.action),
            });
        }
        _ => {}
    }
    let block = actor.block.as_ref()?;
    let ends = &block.ends[..];
    match &block.on {
        On::PipeWrite => Some(Hold {
            why: match ends {
                [] => format!("{name} is blocked writing to a full pipe"),
                _ => format!(
                    "{name} is blocked writing to a pipe that {} not reading",
                    are(ends)
                ),
            },
            action: of_ends(ends).unwrap_or_else(|| format!("end {name}: kill -9 {}", actor.pid)),
        }),
        On::PipeRead | On::Socket { .. } => {
            let backend: Vec<End> = ends.iter().filter(|end| is_backend(end)).cloned().collect();
            let first = backend.first()?;
            Some(Hold {
                why: format!(
                    "{name} waits for an answer from {}",
                    named(first.pid, &first.comm)
                ),
                action: of_ends(&backend)?,
            })
        }
        _ => None,
    }
}

/// How to make a tracer detach.
pub(super) fn release(tracer: &Actor) -> String {
    // One that handles SIGTERM may survive it.
    let kill = if tracer.handles_term {
        "kill -9"
    } else {
        "kill"
    };
    format!(
        "detach or quit in {}, or end it: {kill} {}",
        words::name(tracer),
        tracer.pid
    )
}

/// Whether it works for the process that waits for it, so that it may be ended. The ssh of sshfs is
/// not its child.
fn is_backend(end: &End) -> bool {
    end.relation == Relation::Descendant || end.comm == "ssh" || end.state == Some('T')
}

/// What to do about the processes at the other end.
fn of_ends(ends: &[End]) -> Option<String> {
    ends.first()?;
    let stopped: Vec<&End> = ends.iter().filter(|end| end.state == Some('T')).collect();
    let (verb, kill, whom) = if stopped.is_empty() {
        ("end", "kill", ends.iter().collect())
    } else {
        ("resume", "kill -CONT", stopped)
    };
    let pids: Vec<_> = whom.iter().map(|end| end.pid.to_string()).collect();
    Some(format!(
        "{verb} {}: {kill} {}",
        names(&whom),
        pids.join(" ")
    ))
}

fn names(ends: &[&End]) -> String {
    let names = ends.iter().map(|end| named(end.pid, &end.comm));
    words::list(&names.collect::<Vec<_>>())
}

/// `cat (PID 7) is`, `cat (PID 7) and sh (PID 6) are`.
fn are(ends: &[End]) -> String {
    let verb = if ends.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names(&ends.iter().collect::<Vec<_>>()))
}
