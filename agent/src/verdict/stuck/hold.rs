//! What keeps another process from acting, and the command that ends that. A chain is followed to
//! whoever can act: a tracer that its own debugger has stopped, strace behind a pipe that nobody
//! reads, sshfs behind its ssh.

use super::words;
use crate::evidence::block::{End, On, Relation};
use crate::evidence::stuck::Who;

/// Why a process does not act.
pub(super) struct Hold {
    /// `strace (PID 7) is stopped`.
    pub(super) why: String,
    /// What to do, with the command at its end: `continue it: kill -CONT 7`.
    pub(super) action: String,
}

/// What holds a process; `None` where nothing is seen to hold it.
pub(super) fn of(who: &Who) -> Option<Hold> {
    let name = words::name(who);
    match who.state {
        Some('T') => {
            return Some(Hold {
                why: format!("{name} is stopped"),
                action: format!("continue it: kill -CONT {}", who.pid),
            });
        }
        Some('t') => {
            let tracer = who.tracer.as_deref()?;
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
    let block = who.block.as_ref()?;
    let ends = &block.ends[..];
    match &block.on {
        On::PipeWrite => Some(Hold {
            why: match ends {
                [] => format!("{name} is blocked writing to a pipe that is full"),
                _ => format!(
                    "{name} is blocked writing to a pipe that {} not reading",
                    are(ends)
                ),
            },
            action: of_ends(ends).unwrap_or_else(|| format!("end it: kill -9 {}", who.pid)),
        }),
        On::PipeRead | On::Socket { .. } => {
            let children: Vec<&End> = ends
                .iter()
                .filter(|end| end.relation == Relation::Descendant)
                .collect();
            let child = children.first()?;
            Some(Hold {
                why: format!(
                    "{name} waits for an answer from its child {}",
                    words::named(child.pid, &child.comm)
                ),
                action: of_ends(&children.into_iter().cloned().collect::<Vec<_>>())?,
            })
        }
        _ => None,
    }
}

/// How to make a tracer release what it traces.
pub(super) fn release(tracer: &Who) -> String {
    // One that handles SIGTERM had its chance to react.
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

/// What to do about those at the other end.
fn of_ends(ends: &[End]) -> Option<String> {
    let first = ends.first()?;
    let pids = |ends: &mut dyn Iterator<Item = &End>| {
        let pids: Vec<_> = ends.map(|end| end.pid.to_string()).collect();
        pids.join(" ")
    };
    let mut stopped = ends.iter().filter(|end| end.state == Some('T')).peekable();
    if stopped.peek().is_some() {
        return Some(format!(
            "{} is stopped; continue it: kill -CONT {}",
            words::named(first.pid, &first.comm),
            pids(&mut stopped)
        ));
    }
    let names: Vec<_> = ends
        .iter()
        .map(|end| words::named(end.pid, &end.comm))
        .collect();
    Some(format!(
        "end {}: kill {}",
        words::list(&names),
        pids(&mut ends.iter())
    ))
}

/// `cat (PID 7) is`, `cat (PID 7) and sh (PID 6) are`.
fn are(ends: &[End]) -> String {
    let names: Vec<_> = ends
        .iter()
        .map(|end| words::named(end.pid, &end.comm))
        .collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", words::list(&names))
}
