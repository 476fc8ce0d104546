//! What lists have in common.

use api::Document;
use model::filter::Field;

use crate::cli::{Format, ListArgs, filter_for, misused};
use crate::queries::Ask;

use super::column::Column;
use super::{Look, table};

/// The query of a command, once its parameters are known to be right: before anybody waits for an
/// answer. A wrong one is a usage error.
pub fn checked<Q: Ask>(command: &str, query: Q, list: &ListArgs, fields: &[Field]) -> Q {
    filter_for(command, list.filter.as_deref(), fields);
    match query.clone().check() {
        Ok(_) => query,
        Err(why) => misused(command, format_args!("--{why}")),
    }
}

/// The items as a script wants them; `None` if the usual report is wanted.
pub fn plain<'a, R: 'a>(
    format: Option<Format>,
    columns: &[Column<R>],
    rows: impl Iterator<Item = &'a R>,
    name: impl Fn(&R) -> String,
) -> Option<String> {
    match format? {
        Format::Csv => Some(table::csv(columns, rows)),
        Format::Name => Some(rows.map(|row| name(row) + "\n").collect()),
        Format::Table | Format::Wide | Format::Json => None,
    }
}

/// Whether there are none at all, shown or not; an older agent does not count them.
pub fn is_empty<T>(document: &Document<T>) -> bool {
    document.items.is_empty() && document.total == 0
}

/// That there are none, or none that match.
pub fn none<T>(what: &str, document: &Document<T>, list: &ListArgs, look: Look) -> String {
    let host = look.clean(&document.head.host);
    match &list.filter {
        _ if document.total > 0 => String::new(),
        Some(filter) => format!("no {what} on {host} match {}\n", look.clean(filter)),
        None => format!("no {what} on {host}\n"),
    }
}

/// How many the limit leaves out, if any.
pub fn more<T>(document: &Document<T>) -> String {
    left_out(document.items.len() as u64, document.total)
}

/// The same of so many shown.
pub fn left_out(shown: u64, total: u64) -> String {
    match total.saturating_sub(shown) {
        0 => String::new(),
        _ => format!("{shown} of {total} shown (--limit)\n"),
    }
}
