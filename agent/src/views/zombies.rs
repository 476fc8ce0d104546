//! `reapwatch zombies`: current zombies.

use crate::cli::{ListArgs, ZombiesArgs};
use crate::client::{Question, Source};
use crate::fleet::Prometheus;
use api::{Document, Head, Zombie, ZombiesQuery};

use super::columns::Column;
use super::list::{checked, is_empty, more, none};
use super::output::print;
use super::text::count;
use super::{Look, Outcome, fleet, json, table};

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
    Ok(Outcome::of(!is_empty(&reply.answer), args.fail))
}

fn report(document: &Document<Zombie>, list: &ListArgs, look: Look) -> String {
    let mut text = if document.items.is_empty() {
        none("zombies", document, list, look)
    } else {
        table(&document.items.iter().collect::<Vec<_>>(), look)
    };
    text.push_str(&more(document));
    text.push_str(&missing(&document.head));
    text
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

/// A table of zombies, in the given order.
pub fn table(zombies: &[&Zombie], look: Look) -> String {
    use Column::{Age, Comm, Exit, Forker, Parent, Pid, Tracer, Why, Workload};
    let any = |has: fn(&Zombie) -> bool| zombies.iter().any(|zombie| has(zombie));
    let mut columns = vec![Pid, Comm, Age, Exit, Parent, Forker];
    for (column, is_used) in [
        (Tracer, any(|zombie| zombie.tracer.is_some())),
        (Workload, any(|zombie| zombie.container.is_some())),
        (Why, any(|zombie| zombie.verdict.is_some())),
    ] {
        columns.extend(is_used.then_some(column));
    }
    let cell = |column: Column, row: usize| column.of_zombie(zombies[row], look);
    table::text(&columns, 0..zombies.len(), cell, look)
}
