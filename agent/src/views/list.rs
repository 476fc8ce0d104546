//! What lists have in common.

use api::Document;

use crate::cli::ListArgs;
use crate::queries::Ask;

use super::Look;

/// The query, once its parameters are known to be right: before anybody waits for an answer.
///
/// # Errors
/// One sentence that names the wrong option.
pub fn checked<Q: Ask>(query: Q) -> anyhow::Result<Q> {
    query.clone().check().map_err(anyhow::Error::msg)?;
    Ok(query)
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
    let shown = document.items.len() as u64;
    match document.total.saturating_sub(shown) {
        0 => String::new(),
        _ => format!("{shown} of {} shown (--limit)\n", document.total),
    }
}
