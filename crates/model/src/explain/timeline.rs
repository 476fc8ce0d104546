//! What happened to a process, in order, and how long each part of its exit took.

use api::{Bound, PhaseName};

use super::words::{ended, named, same, someone};
use super::{Life, Moment, Phase};
use crate::events::{Ignored, Kill, KillBy, Process, Steps, Task, TaskState};
use crate::lifecycle::{DiedBound, How, Reap, Record};
use crate::signals;
use crate::stuck::evidence::ignored::Fate;

/// All known events.
pub(super) fn timeline(life: &Life<'_>, pending: Option<(u8, Fate)>) -> Vec<Moment> {
    let mut moments = vec![started(life)];
    match (life.record, life.task) {
        (Some(record), _) => dead(life, record, &mut moments),
        (None, Some(task)) => {
            moments.extend(own_events(task));
            moments.extend(parent_changed(life.forker(), task.parent.as_ref()));
            moments.extend(traced(task.tracer.as_ref()));
            // A living process may have blocked the signal and handled it later.
            let exits = task.state == TaskState::Exiting;
            moments.extend(task.kill.as_deref().filter(|_| exits).map(killed));
            moments.extend(pending.map(|(signal, fate)| pending_signal(task, signal, fate)));
            moments.extend(task.begin_ns.map(began));
        }
        (None, None) => {}
    }
    moments
}

fn at(at_ns: Option<u64>, bound: Bound, what: String) -> Moment {
    Moment { at_ns, bound, what }
}

fn started(life: &Life<'_>) -> Moment {
    let start_ns = Some(life.process.key.start_ns).filter(|&start_ns| start_ns != 0);
    let what = match life.forker() {
        Some(forker) => format!("started by {}", named(forker)),
        None => "started by a process that was not seen".to_owned(),
    };
    at(start_ns, Bound::Exact, what)
}

/// A process other than its creator is its parent: the creator has exited, or used `CLONE_PARENT`.
fn parent_changed(forker: Option<&Process>, parent: Option<&Process>) -> Option<Moment> {
    let (forker, parent) = forker.zip(parent)?;
    (!forker.key.is_roughly(parent.key)).then(|| {
        let what = format!(
            "{} became its parent, replacing {}",
            named(parent),
            named(forker)
        );
        at(None, Bound::Exact, what)
    })
}

fn traced(tracer: Option<&Process>) -> Option<Moment> {
    let what = format!("traced by {} (ptrace)", named(tracer?));
    Some(at(None, Bound::Exact, what))
}

fn began(begin_ns: u64) -> Moment {
    let what = "began to exit".to_owned();
    at(Some(begin_ns), Bound::Exact, what)
}

/// How it left by its C library, if that was watched.
fn left(record: &Record) -> Option<Moment> {
    let handlers_ns = record.steps.as_ref()?.exit_handlers?;
    let began_ns = record.begin_ns?;
    Some(match handlers_ns {
        0 => {
            let what = "called _exit: no exit handlers ran, no buffers were flushed".to_owned();
            at(None, Bound::Exact, what)
        }
        ns => {
            let what = "called exit: its exit handlers run and its buffers are flushed".to_owned();
            at(Some(began_ns.saturating_sub(ns)), Bound::AtMost, what)
        }
    })
}

/// The signal that a living process has not taken yet.
fn pending_signal(task: &Task, signal: u8, fate: Fate) -> Moment {
    let kill = task.kill.as_ref().filter(|kill| kill.signal == signal);
    let got = match kill {
        Some(kill) => killed(kill),
        None => at(None, Bound::Exact, format!("got {}", signals::name(signal))),
    };
    let why = match fate {
        Fate::Stopped => "the process is stopped",
        Fate::Traced => "its tracer has stopped the process",
        Fate::Blocked | Fate::ByChoice | Fate::AsInit => "the process blocks it",
    };
    Moment {
        what: format!("{}; it is pending because {why}", got.what),
        ..got
    }
}

fn killed(kill: &Kill) -> Moment {
    let signal = signals::name(kill.signal);
    let what = match (kill.by, &kill.process) {
        (Some(KillBy::ParentDeath), Some(parent)) => format!(
            "got {signal} because thread {} of {}, which started it, exited (PR_SET_PDEATHSIG); \
             no process called kill",
            parent.tid,
            named(parent)
        ),
        (Some(KillBy::Terminal), Some(process)) => format!(
            "got {signal} from its terminal ({} hung it up or controls it)",
            named(process)
        ),
        (Some(KillBy::Namespace), Some(init)) => format!(
            "got {signal} because {}, the init of its PID namespace, exited",
            named(init)
        ),
        _ => format!("got {signal} from {}", kill.sender()),
    };
    at(Some(kill.at_ns), Bound::Exact, what)
}

/// Its exec and the signals that it ignored while it was alive, in order.
fn own_events(task: &Task) -> Vec<Moment> {
    let exec = task.exec.as_ref().map(|exec| {
        let former = match &*exec.former.text() {
            "" => "another program".to_owned(),
            name => name.to_owned(),
        };
        let name = &task.process.comm;
        let what = format!("became {name} by exec; before that it ran {former}");
        at(Some(exec.at_ns), Bound::Exact, what)
    });
    let mut moments: Vec<_> = exec
        .into_iter()
        .chain(
            task.ignored
                .as_ref()
                .map(|ignored| ignored_signal(task, ignored)),
        )
        .collect();
    moments.sort_by_key(|moment| moment.at_ns);
    moments
}

fn ignored_signal(task: &Task, ignored: &Ignored) -> Moment {
    let signal = signals::name(ignored.signal);
    let from = ignored
        .by
        .as_ref()
        .map_or_else(|| "the kernel".to_owned(), named);
    let what = if ignored.by_choice {
        format!("ignored {signal} (SIG_IGN) from {from}")
    } else {
        let numbers = task.pids.last().filter(|own| own.nr == 1);
        let init = numbers.map_or("the init", |_| "PID 1");
        format!(
            "{signal} from {from} was dropped: it is {init} of its PID namespace and has no \
             handler for it"
        )
    };
    at(Some(ignored.at_ns), Bound::Exact, what)
}

fn dead(life: &Life<'_>, record: &Record, moments: &mut Vec<Moment>) {
    moments.extend(life.task.into_iter().flat_map(own_events));
    let mut parents = record.former.iter().filter(|former| !former.was_tracer);
    let first = parents.next().map(|former| &former.process);
    moments.extend(parent_changed(
        record.forker.as_ref(),
        first.or(record.parent.as_ref()),
    ));
    moments.extend(record.kill.as_deref().map(killed));
    moments.extend(left(record));
    moments.extend(record.begin_ns.map(began));
    moments.push(died(record));
    moments.extend(parent_changes(record));
    if !same(record.tracer.as_ref(), record.parent.as_ref()) {
        moments.extend(record.tracer.as_ref().map(|tracer| {
            let what = format!(
                "held by its tracer {}; its parent cannot reap it until the tracer releases it",
                named(tracer)
            );
            at(None, Bound::Exact, what)
        }));
    }
    match &record.reap {
        Some(_) if record.vanished_at_once() => {}
        Some(reap) => moments.push(reaped(reap)),
        None => moments.extend(life.gone_by_ns.map(gone)),
    }
}

/// Each time that another process became the one that has to reap it.
fn parent_changes(record: &Record) -> impl Iterator<Item = Moment> {
    let formers = record.former.iter();
    let next = formers.clone().skip(1).map(|former| &former.process);
    let next = next.map(Some).chain([record.responsible()]);
    formers.zip(next).map(|(former, next)| {
        let from = named(&former.process);
        let to = someone(next);
        let what = if former.was_tracer {
            format!("its tracer {from} released it; {to} has to reap it now")
        } else {
            format!("{from} exited without reaping it; {to} has to reap it now")
        };
        let bound = Bound::upper(former.until_is_upper_bound);
        at(Some(former.until_ns), bound, what)
    })
}

fn died(record: &Record) -> Moment {
    let when = match record.died.bound {
        DiedBound::Exact => "",
        DiedBound::NotBefore => "at this time or later, ",
        DiedBound::NotAfter => "at this time or earlier, ",
    };
    let end = ended(record.status);
    let what = if record.vanished_at_once() {
        format!(
            "{when}{end} and was auto-reaped: its parent ignores SIGCHLD, so its exit status is \
             lost"
        )
    } else if record.died.bound == DiedBound::NotAfter {
        format!("{when}{end}; it was already a zombie when reapwatch first looked")
    } else {
        let first = record.former.first().map(|former| &former.process);
        let notified = someone(first.or(record.responsible()));
        format!("{when}{end} and became a zombie; {notified} was notified")
    };
    at(Some(record.died.at_ns), record.died.bound.of_time(), what)
}

/// Of a zombie whose reap was not seen.
const GONE: &str = "was gone by this time; its reaper was not seen";

fn reaped(reap: &Reap) -> Moment {
    let by = reap.by.as_ref();
    let what = match reap.how {
        How::Wait => format!("reaped by {} (wait)", reaper(reap)),
        How::Tracer => format!("reaped by its tracer {}", reaper(reap)),
        How::Autoreap => {
            "auto-reaped: its parent ignores SIGCHLD, so its exit status is lost".to_owned()
        }
        How::Namespace => format!(
            "reaped by {}, the exiting init of its PID namespace",
            someone(by)
        ),
        How::Unknown => GONE.to_owned(),
    };
    at(reap.at_ns, Bound::upper(reap.at_is_upper_bound), what)
}

/// The process that reaped it, and the thread if that is not the main one.
fn reaper(reap: &Reap) -> String {
    match &reap.by {
        Some(process) if process.tid != process.key.tgid => {
            let name = reap.by_thread.as_ref();
            let name = name.map_or(String::new(), |name| format!(" ({name})"));
            format!("thread {}{name} of {}", process.tid, named(process))
        }
        by => someone(by.as_ref()),
    }
}

fn gone(at_ns: u64) -> Moment {
    at(Some(at_ns), Bound::AtMost, GONE.to_owned())
}

/// From the signal to the reap, or until now.
pub(super) fn phases(life: &Life<'_>, now_ns: u64) -> Vec<Phase> {
    let mut phases = Vec::new();
    let begin_ns = match life.record {
        Some(record) => record.begin_ns,
        None => life.task.and_then(|task| task.begin_ns),
    };
    let Some(record) = life.record else {
        phases.extend(begin_ns.map(|begin_ns| exit(now_ns - begin_ns.min(now_ns), Bound::AtLeast)));
        return phases;
    };
    let kill_ns = record.kill.as_ref().map(|kill| kill.at_ns);
    if let Some((kill_ns, begin_ns)) = kill_ns.zip(begin_ns) {
        phases.push(Phase {
            name: PhaseName::Signal,
            ns: begin_ns.saturating_sub(kill_ns),
            bound: Bound::Exact,
        });
    }
    let died_ns = record.died.at_ns;
    if let Some(begin_ns) = begin_ns {
        let bound = record.died.bound.of_time();
        let steps = record.steps.as_deref().into_iter().flat_map(steps);
        let (before, within): (Vec<_>, Vec<_>) =
            steps.partition(|it| it.name == PhaseName::ExitHandlers);
        phases.extend(before);
        phases.push(exit(died_ns.saturating_sub(begin_ns), bound));
        phases.extend(within);
    }
    if !record.vanished_at_once() {
        phases.extend(zombie(life, record, now_ns));
    }
    phases
}

fn exit(ns: u64, bound: Bound) -> Phase {
    Phase {
        name: PhaseName::Exit,
        ns,
        bound,
    }
}

/// The measured steps of its exit that took any time.
fn steps(steps: &Steps) -> impl Iterator<Item = Phase> {
    let phase = |(name, ns): (_, Option<u64>)| {
        Some(Phase {
            name,
            ns: ns.filter(|&ns| ns > 0)?,
            bound: Bound::Exact,
        })
    };
    steps.each().into_iter().filter_map(phase)
}

/// What happens in a phase.
pub fn what(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Signal => {
            "from the signal until it began to exit; a process with one thread dumps core in this time"
        }
        PhaseName::Exit => "exiting: the kernel frees its memory and closes its files",
        PhaseName::Zombie => "a zombie, waiting to be reaped",
        PhaseName::ExitHandlers => {
            "still in the program: exit handlers, flushing buffers, removing temporary files"
        }
        PhaseName::DumpingCore => "of that, writing its core dump",
        PhaseName::WaitingForSiblings => "of that, waiting for its other threads",
        PhaseName::ReleasingMemory => "of that, freeing its memory",
        PhaseName::ClosingFiles => "of that, closing its files",
        PhaseName::DeferredWork => "of that, deferred work such as the final release of files",
        PhaseName::Namespaces => "of that, leaving its namespaces",
        PhaseName::Other => "of that, everything else",
    }
}

fn zombie(life: &Life<'_>, record: &Record, now_ns: u64) -> Option<Phase> {
    let (until_ns, upper) = match &record.reap {
        Some(reap) => (reap.at_ns?, reap.at_is_upper_bound),
        None => (life.gone_by_ns.unwrap_or(now_ns), life.gone_by_ns.is_some()),
    };
    let lower = record.died.bound == DiedBound::NotAfter;
    // If both ends are bounds, the duration has none.
    let bound = match (lower, upper || record.died.bound == DiedBound::NotBefore) {
        (true, true) => return None,
        (true, false) => Bound::AtLeast,
        (false, true) => Bound::AtMost,
        (false, false) => Bound::Exact,
    };
    Some(Phase {
        name: PhaseName::Zombie,
        ns: until_ns.saturating_sub(record.died.at_ns),
        bound,
    })
}
