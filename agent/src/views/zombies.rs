//! `reapwatch zombies`: current zombies.

use crate::cli::{ListArgs, ZombiesArgs};
use crate::client::{Question, Source};
use crate::fleet::Prometheus;
use api::{Bound, Document, Zombie, ZombiesQuery};

use super::list::{checked, is_empty, more, none};
use super::output::print;
use super::table::{Side, Table};
use super::text::count;
use super::{Look, Outcome, fleet, json};

/// Asks once, prints, and exits.
pub async fn run(args: &ZombiesArgs, look: Look) -> anyhow::Result<Outcome> {
    if let Some(prometheus) = Prometheus::named(&args.fleet)? {
        return fleet::zombies(&prometheus, args.json, args.fail, look).await;
    }
    let query = checked(ZombiesQuery(args.list.list()))?;
    let source = Source::connect(&args.from).await?;
    source.watch(args.watch.watch, Question::Zombies).await?;
    let reply = source.ask(query).await?;
    if args.json {
        json::reply(&reply)?;
    } else {
        print(&report(&reply.answer, &args.list, look))?;
    }
    let found = args.fail && !is_empty(&reply.answer);
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

fn report(document: &Document<Zombie>, list: &ListArgs, look: Look) -> String {
    let mut text = if document.items.is_empty() {
        none("zombies", document, list, look)
    } else {
        table(&document.items, look)
    };
    text.push_str(&more(document));
    if let Some(loss) = loss(document.head.lost_events) {
        text.push_str(&loss);
        text.push('\n');
    }
    text
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

/// A table of zombies, in the given order.
pub fn table<'a>(zombies: impl IntoIterator<Item = &'a Zombie> + Clone, look: Look) -> String {
    let judged = zombies
        .clone()
        .into_iter()
        .any(|zombie| zombie.verdict.is_some());
    let placed = zombies
        .clone()
        .into_iter()
        .any(|zombie| zombie.container.is_some());
    let traced = zombies
        .clone()
        .into_iter()
        .any(|zombie| zombie.tracer.is_some());
    let mut columns = vec![
        ("PID", Side::Right),
        ("COMM", Side::Left),
        ("AGE", Side::Right),
        ("EXIT", Side::Left),
        ("PARENT", Side::Left),
        ("FORKER", Side::Left),
    ];
    if traced {
        columns.push(("TRACER", Side::Left));
    }
    if placed {
        columns.push(("WORKLOAD", Side::Left));
    }
    if judged {
        columns.push(("WHY", Side::Left));
    }
    let mut table = Table::new(&columns);
    for zombie in zombies {
        let mut cells = vec![
            zombie.pid.to_string(),
            look.clean(&zombie.comm),
            look.bounded(zombie.zombie_seconds, bound(zombie)),
            look.exit(zombie.exit.as_ref()),
            look.process(zombie.parent.as_ref()),
            look.process(zombie.forker.as_ref()),
        ];
        if traced {
            cells.push(look.process(zombie.tracer.as_ref()));
        }
        if placed {
            cells.push(look.workload(zombie.container.as_ref()));
        }
        if judged {
            cells.push(look.why(zombie.verdict.as_ref()));
        }
        table.row(cells);
    }
    table.render(look)
}

/// Whether a zombie's age is exact or a lower bound.
pub fn bound(zombie: &Zombie) -> Bound {
    Bound::lower(zombie.age_is_lower_bound)
}
