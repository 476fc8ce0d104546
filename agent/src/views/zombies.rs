//! `reapwatch zombies`: current zombies.

use crate::cli::{Format, ListArgs, ZombiesArgs};
use crate::client::{Question, Source, Take, Taken};
use crate::fleet::Prometheus;
use api::{Bound, Head, Process, Zombie, ZombiesQuery};
use model::state::ZOMBIE_FIELDS;

use super::column::{Column, Shown, Tone};
use super::list::{checked, left_out, none};
use super::output::{print, write};
use super::text::count;
use super::{Look, Outcome, fleet, table};

type Col = Column<Zombie>;

/// The columns of zombies.
pub static COLUMNS: [Column<Zombie>; 10] = [
    Col::pid(|it| it.pid),
    Col::text("COMM", "name of the process", |it, look| {
        Some(look.clean(&it.comm))
    })
    .width(10, 15)
    .rank(1),
    Col::span("AGE", "time since it died", |it| {
        Some((it.zombie_seconds, Bound::lower(it.age_is_lower_bound)))
    })
    .rank(2),
    Col::text("EXIT", "how it ended", |it, look| {
        it.exit.as_ref().map(|it| look.clean(&it.to_string()))
    })
    .width(8, 13)
    .rank(5)
    .tone(|it| match it.exit.as_ref().map(|it| it.signal.is_some()) {
        Some(true) => Tone::Bad,
        _ => Tone::Plain,
    }),
    Col::text("PARENT", "process that has to reap it", |it, look| {
        it.parent.as_ref().map(|it| look.process(Some(it)))
    })
    .width(12, 23)
    .rank(3),
    Col::text("FORKER", "process that created it", |it, look| {
        it.forker.as_ref().map(|it| look.process(Some(it)))
    })
    .width(12, 23)
    .rank(7),
    Col::text(
        "TRACER",
        "process that traces it and has to release it",
        |it, look| it.tracer.as_ref().map(|it| look.process(Some(it))),
    )
    .width(9, 23)
    .rank(8)
    .shown(Shown::IfUsed)
    .tone(|_| Tone::Warn),
    Col::text(
        "WORKLOAD",
        "pod, container or unit it belongs to",
        |it, look| look.workload_of(it.container.as_deref()),
    )
    .width(10, 44)
    .whole()
    .rank(6)
    .shown(Shown::IfUsed)
    .cut_front(),
    Col::verdict("verdict: why it is not reaped", |it| it.verdict.as_deref())
        .width(13, 26)
        .whole()
        .rank(4)
        .shown(Shown::IfUsed)
        .tone(|_| Tone::Warn),
    Col::text("TO DO", "what to do about it", |it, look| {
        it.verdict.as_ref().map(|it| look.clean(&it.remedy))
    })
    .width(30, 200)
    .rank(9)
    .shown(Shown::Wide),
];

/// Asks once, prints, and exits.
pub async fn run(args: &ZombiesArgs, look: Look) -> anyhow::Result<Outcome> {
    let format = args.output.format();
    if let Some(prometheus) = Prometheus::named(&args.fleet, &args.from.agent)? {
        fleet::refuse_list("zombies", &args.list);
        return fleet::zombies(&prometheus, format, args.fail, look).await;
    }
    let query = ZombiesQuery(args.list.list());
    let query = checked("zombies", query, &args.list, &ZOMBIE_FIELDS);
    let source = Source::connect(&args.from).await?;
    source.watch(args.watch.watch, Question::Zombies).await?;
    let taken = if format == Some(Format::Json) {
        let mut json = |part: &[u8]| write(part).map(drop);
        let taken = source.list(query, Take::Json(&mut json)).await?;
        print("\n")?;
        taken
    } else {
        let mut rows = Rows::of(format, look);
        let mut add = |zombie: &Zombie| rows.add(zombie);
        let taken = source.list(query, Take::Items(&mut add)).await?;
        print(&rows.report(&taken, &args.list, look))?;
        taken
    };
    Ok(Outcome::of(!taken.is_empty(), args.fail))
}

/// The rows in the form that is wanted.
enum Rows {
    Table(table::Rows<'static, Zombie>),
    Csv(String),
    Names(String),
}

impl Rows {
    fn of(format: Option<Format>, look: Look) -> Self {
        match format {
            Some(Format::Csv) => Self::Csv(table::csv_head(&COLUMNS)),
            Some(Format::Name) => Self::Names(String::new()),
            _ => {
                let wide = format == Some(Format::Wide);
                Self::Table(table::Rows::new(&COLUMNS, wide, look))
            }
        }
    }

    fn add(&mut self, zombie: &Zombie) {
        match self {
            Self::Table(rows) => rows.add(zombie),
            Self::Csv(text) => *text += &table::csv_row(&COLUMNS, zombie),
            Self::Names(text) => text.extend([&zombie.pid.to_string(), "\n"]),
        }
    }

    fn report(self, taken: &Taken<Zombie>, list: &ListArgs, look: Look) -> String {
        let rows = match self {
            Self::Csv(text) | Self::Names(text) => return text,
            Self::Table(rows) => rows,
        };
        let Taken { document, shown } = taken;
        let mut text = match shown {
            0 => none("zombies", document, list, look),
            _ => rows.text(),
        };
        text.push_str(&left_out(*shown, document.total));
        text.push_str(&missing(&document.head));
        text
    }
}

/// The process that it was.
pub fn process_of(zombie: &Zombie) -> Process {
    Process {
        pid: zombie.pid,
        start_time: zombie.start_time,
        comm: zombie.comm.clone(),
    }
}

/// What the rows of an answer may lack, a line for each reason.
pub fn missing(head: &Head) -> String {
    let lines = [loss(head.lost_events), unlisted(head.unlisted_zombies)];
    lines
        .into_iter()
        .flatten()
        .map(|line| line + "\n")
        .collect()
}

/// A warning about zombies that are in no list, if there are any.
pub fn unlisted(zombies: u64) -> Option<String> {
    (zombies > 0).then(|| {
        let verb = if zombies == 1 { "is" } else { "are" };
        format!(
            "{} {verb} counted with the parent but not listed: the agent's memory limit has no \
             room for more",
            count(zombies, "zombie")
        )
    })
}

/// A warning about lost events, if there are any.
pub fn loss(lost: u64) -> Option<String> {
    (lost > 0).then(|| {
        let verb = if lost == 1 { "was" } else { "were" };
        format!(
            "{} {verb} lost since reapwatch started: rows may be missing or late",
            count(lost, "event")
        )
    })
}
