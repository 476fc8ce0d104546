//! A terminating signal did not end it, and another process waits for it to exit. The kernel drops
//! a signal for which the init of a PID namespace has no handler
//! ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).

use super::{Confidence, Judge, Rule, Verdict, words};
use crate::culprit::evidence::Place;
use crate::stuck::evidence::{
    Stuck,
    ignored::{Awaited, Fate, Ignored},
};
use crate::words::{named, span};

pub(super) const RULE: Rule = Rule {
    id: "term_ignored",
    meaning: "A terminating signal did not end the process, although its sender expects it to exit. \
              The signal was ignored or dropped, it is blocked, or the process is stopped.",
    judge: Judge::Signal(judge),
};

/// `None` if nothing shows that a process waits for its exit.
fn judge(stuck: &Stuck, ignored: &Ignored) -> Option<Verdict> {
    let awaited = ignored.awaited?;
    let subject = words::subject(stuck);
    let sender = named(ignored.sender.0, &ignored.sender.1);
    let signal = &ignored.signal;
    let times = match ignored.times {
        0 | 1 => format!("sent {signal}"),
        times => format!("has sent {signal} {times} times, first"),
    };
    let what = what(ignored);
    let mut evidence = vec![
        format!(
            "{sender} {times} {} ago, and the process has not exited",
            span(ignored.first_ago_ns)
        ),
        what.fact,
    ];
    evidence.push(match awaited {
        Awaited::BySender => format!("{sender} is waiting for it to exit"),
        Awaited::ByManager => format!("{sender} stops processes and waits for them to exit"),
        Awaited::Again => "the same signal was sent again".to_owned(),
    });
    let from = if ignored.in_namespace {
        ", from outside its PID namespace"
    } else {
        ""
    };
    Some(Verdict {
        id: RULE.id,
        summary: format!(
            "{subject} {} {signal} from {sender}: {}",
            what.did, what.why
        ),
        evidence,
        remedy: format!(
            "{}; to end it now{from}: kill -9 {}",
            remedy(stuck, ignored),
            stuck.pid
        ),
        confidence: match awaited {
            Awaited::BySender => Confidence::Certain,
            Awaited::ByManager | Awaited::Again => Confidence::Likely,
        },
    })
}

/// What became of the signal.
struct What {
    /// `ignored`.
    did: &'static str,
    why: String,
    fact: String,
}

fn what(ignored: &Ignored) -> What {
    const NOT_ENDED: &str = "has not exited after";
    let signal = &ignored.signal;
    let pending = format!("{signal} is pending and takes effect when it is resumed");
    match ignored.fate {
        Fate::ByChoice => What {
            did: "ignored",
            why: format!("its action for {signal} is SIG_IGN"),
            fact: format!(
                "the program set SIG_IGN for {signal}, or inherited it from the program that \
                 started it"
            ),
        },
        Fate::AsInit => What {
            did: "ignored",
            why: format!("it is PID 1 of its PID namespace and has no handler for {signal}"),
            fact: format!("the kernel drops {signal} for PID 1 unless the program handles it"),
        },
        Fate::Blocked => What {
            did: NOT_ENDED,
            why: format!("it blocks {signal}"),
            fact: format!(
                "{signal} is pending and blocked (ShdPnd and SigBlk in /proc/PID/status)"
            ),
        },
        Fate::Stopped => What {
            did: NOT_ENDED,
            why: "it is stopped".to_owned(),
            fact: format!("all its threads are stopped (state T); {pending}"),
        },
        Fate::Traced => What {
            did: NOT_ENDED,
            why: "its tracer has stopped it".to_owned(),
            fact: format!("its tracer has stopped it (state t); {pending}"),
        },
    }
}

/// What makes it end on the signal.
fn remedy(stuck: &Stuck, ignored: &Ignored) -> String {
    let signal = &ignored.signal;
    let pid = stuck.pid;
    match ignored.fate {
        Fate::ByChoice => by_choice(ignored),
        Fate::AsInit => as_init(ignored),
        Fate::Blocked => format!(
            "unblock {signal} in the program, or in the script that starts it (the signal mask is \
             inherited across exec)"
        ),
        Fate::Stopped => format!(
            "if it was not stopped on purpose, resume it, so that {signal} takes effect: kill \
             -CONT {pid}"
        ),
        Fate::Traced => {
            let tracer = stuck.facts.as_ref().and_then(|facts| facts.tracer.as_ref());
            let tracer = tracer.map_or_else(|| "its tracer".to_owned(), words::name);
            format!("continue it in {tracer} or detach it there, so that {signal} takes effect")
        }
    }
}

fn by_choice(ignored: &Ignored) -> String {
    let signal = &ignored.signal;
    let configured = match &ignored.place {
        Place::Unit { name } => format!(", or set KillSignal= in a drop-in of {name}"),
        Place::Pod { .. } | Place::Container { .. } => {
            ", or set STOPSIGNAL in the image to a signal that it handles".to_owned()
        }
        Place::Host => String::new(),
    };
    format!(
        "make the program exit on {signal}; if it inherited the setting, reset it in the script \
         that starts it{configured}"
    )
}

fn as_init(ignored: &Ignored) -> String {
    let signal = &ignored.signal;
    let init = match &ignored.place {
        Place::Pod { .. } => {
            "run it under an init that forwards signals (ENTRYPOINT [\"tini\", \"--\", …] in the \
             image), or set STOPSIGNAL in the image to a signal that it handles"
        }
        Place::Container { .. } => {
            "run the container with an init (docker run --init) or with a stop signal that the \
             program handles (--stop-signal)"
        }
        Place::Unit { .. } | Place::Host => {
            "run it under an init that forwards signals (tini, dumb-init)"
        }
    };
    format!("handle {signal} in the program, or {init}")
}
