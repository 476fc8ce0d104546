//! Recordings: the input of the lifecycle as lines of text. Reading them again gives the same
//! transitions. The tests' traces use the same format.
//!
//! A line is a word and its `name=value` fields; `crates/model/tests/traces/README.md` describes them.
//! Within a version words and fields are only added: what a reader does not know it passes over.

mod about;
mod event;
mod fields;
mod found;
mod line;
mod stuck;
mod task;
mod word;

#[cfg(test)]
mod tests;

use self::fields::{Fields, write};
use crate::events::Snapshot;

pub use event::event;
pub use fields::Malformed;
pub use found::found;
pub use line::{Counted, FoundStuck, Head, Join, Judged, Line, VERSION, Why};

/// The content of a line; `None` if it is empty, a comment or an expected transition of a trace.
pub fn parse(line: &str) -> Result<Option<Line>, Malformed> {
    let mut words = line.split_whitespace();
    let Some(word) = words.next().filter(|word| !word.starts_with(['#', '>'])) else {
        return Ok(None);
    };
    let fields = words.map(|field| field.split_once('=').unwrap_or((field, "")));
    let fields = fields.collect();
    Ok(Some(match word {
        "reapwatch" => Line::Head(about::head(&mut Fields::Read(&fields))?),
        "wall" => Line::Wall(about::join(&mut Fields::Read(&fields))?),
        "task" => Line::Task(Box::new(task::task(&mut Fields::Read(&fields))?)),
        "snapshot" => about::snapshot(&mut Fields::Read(&fields))?,
        "expire" => Line::Expire(about::now(&mut Fields::Read(&fields))?),
        "drained" => Line::Drained(about::now(&mut Fields::Read(&fields))?),
        "counted" => Line::Counted(about::counted(&mut Fields::Read(&fields))?),
        "judged" => Line::Judged(Box::new(about::judged(&mut Fields::Read(&fields))?)),
        "stuck" => Line::Stuck(Box::new(stuck::found(&mut Fields::Read(&fields))?)),
        "end" => Line::End(about::now(&mut Fields::Read(&fields))?),
        "cgroup" => Line::Found(found::cgroup(&mut Fields::Read(&fields))?),
        "placed" => Line::Found(found::placed(&mut Fields::Read(&fields))?),
        "named" => Line::Found(found::named(&mut Fields::Read(&fields))?),
        word => Line::Event(event::parse(word, &fields)?),
    }))
}

/// The first line.
pub fn head(text: &mut String, head: &Head) {
    write(text, "reapwatch", head, about::head);
}

/// An offset of the clocks.
pub fn wall(text: &mut String, join: Join) {
    write(text, "wall", &join, about::join);
}

/// A snapshot: its tasks, then itself.
pub fn snapshot(text: &mut String, snapshot: &Snapshot) {
    for it in snapshot.tasks.iter() {
        write(text, "task", &it, task::task);
    }
    write(text, "snapshot", snapshot, about::snapshot);
}

/// Old entries were dropped.
pub fn expire(text: &mut String, now_ns: u64) {
    write(text, "expire", &now_ns, about::now);
}

/// The changes were applied.
pub fn drained(text: &mut String, now_ns: u64) {
    write(text, "drained", &now_ns, about::now);
}

/// Counters.
pub fn counted(text: &mut String, counted: &Counted) {
    write(text, "counted", counted, about::counted);
}

/// The result of a round for one process.
pub fn judged(text: &mut String, judged: &Judged) {
    write(text, "judged", judged, about::judged);
}

/// What a round found of a process that does not die.
pub fn stuck(text: &mut String, found: &FoundStuck) {
    write(text, "stuck", found, stuck::found);
}

/// The last line.
pub fn end(text: &mut String, now_ns: u64) {
    write(text, "end", &now_ns, about::now);
}
