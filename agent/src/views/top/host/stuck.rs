//! Processes that were killed or are exiting but never finish.

use api::Stuck;

use super::super::view::{Identity, Missing, Table};
use super::{Host, detail, nothing};
use crate::views::stuck::{COLUMNS, block, process_of};

/// The view.
pub(super) static VIEW: Table<Host, Stuck> = Table {
    title: "Stuck",
    rows: |host| match &host.stuck {
        Some(Ok(document)) => &document.items,
        _ => &[],
    },
    missing: |host| match &host.stuck {
        Some(Ok(document)) => Missing::of(document.items.len(), document.total, document.total),
        _ => Missing::default(),
    },
    columns: &COLUMNS,
    sorts: &["STUCK", "PID"],
    count: |host| {
        let summary = &host.top().summary;
        match &host.stuck {
            Some(Ok(document)) => Some(document.total),
            _ => Some(summary.stuck + summary.unheard),
        }
    },
    identity: |it| Identity::of(&process_of(it)),
    copied: |it| it.pid.to_string(),
    is_idle: |_| false,
    passes: |_, it, filter| filter.matches(&it.into()),
    empty: |host, _| nothing(host.stuck.as_ref(), || "no stuck exits".to_owned()),
    detail: |host, who, row, look, width| {
        let known = row.map(|it| block(it, look, width));
        detail::process(host, who, known, look, width)
    },
};
