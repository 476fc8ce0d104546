//! It was told to end by a signal that came to nothing, and somebody waits for its end. The kernel
//! drops what an init of a PID namespace has no handler for
//! ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).

use super::super::words::span;
use super::{Confidence, Verdict, words};
use crate::evidence::Place;
use crate::evidence::stuck::{
    Stuck,
    ignored::{Awaited, Ignored},
};

pub(super) const ID: &str = "term_ignored";
/// What the verdict means, one sentence.
#[cfg(test)]
pub(super) const MEANING: &str =
    "A terminating signal was ignored or dropped while somebody waits for the process to end.";

/// `None` where nothing says that anybody waits.
pub(super) fn rule(stuck: &Stuck, ignored: &Ignored) -> Option<Verdict> {
    let awaited = ignored.awaited?;
    let who = words::who(stuck);
    let sender = words::named(ignored.sender.0, &ignored.sender.1);
    let signal = &ignored.signal;
    let why = if ignored.by_choice {
        format!("it ignores {signal} (SIG_IGN)")
    } else {
        format!("it is PID 1 of its PID namespace and has no handler for {signal}")
    };
    let times = match ignored.times {
        0 | 1 => String::new(),
        times => format!(", {times} times"),
    };
    let mut evidence = vec![
        format!(
            "{sender} sent {signal} {} ago{times}, and the process is still running",
            span(ignored.first_ago_ns)
        ),
        if ignored.by_choice {
            format!("{signal} is set to SIG_IGN, by the program itself or by whoever started it")
        } else {
            format!("the kernel drops {signal} for PID 1 unless the program handles it")
        },
    ];
    evidence.push(match awaited {
        Awaited::BySender => format!("{sender} is waiting for it to end"),
        Awaited::ByManager => format!("{sender} stops processes and waits for them to end"),
        Awaited::Again => "the same signal was sent again".to_owned(),
    });
    let fix = if ignored.by_choice {
        by_choice(ignored)
    } else {
        as_init(ignored)
    };
    Some(Verdict {
        id: ID,
        summary: format!("{who} ignored {signal} from {sender}: {why}"),
        evidence,
        remedy: format!(
            "{fix}; to end it now{}: kill -9 {}",
            if ignored.by_choice {
                ""
            } else {
                ", from outside its PID namespace"
            },
            stuck.pid
        ),
        confidence: match awaited {
            Awaited::BySender => Confidence::Certain,
            Awaited::ByManager | Awaited::Again => Confidence::Likely,
        },
    })
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
