//! The zombies themselves.

use api::Zombie;
use model::filter::Row;

use super::super::view::{Identity, Table};
use super::{Host, detail, holder};
use crate::views::text::count;
use crate::views::zombies::{COLUMNS, process_of};

/// The view.
pub(super) static VIEW: Table<Host, Zombie> = Table {
    title: "Zombies",
    rows: |host| &host.rows().zombies,
    missing: Host::missing_zombies,
    columns: &COLUMNS,
    sorts: &["AGE", "PID"],
    count: |host| Some(host.top().summary.zombies),
    identity: |it| Identity::of(&process_of(it)),
    copied: |it| it.pid.to_string(),
    is_idle: |_| false,
    // A zombie has its parent's rates: `leak>1` then shows the zombies of leaking parents.
    passes: |host, it, filter| {
        let parent = holder(it).and_then(|it| host.parent(it.pid));
        let row = Row {
            zombies: parent.map(|it| it.zombies),
            leak: parent.map(|it| it.leaked_per_second),
            reaps: parent.map(|it| it.reaped_per_second),
            ..Row::from(it)
        };
        host.passes(filter, &row)
    },
    empty: |host, look| {
        let summary = &host.top().summary;
        format!(
            "no zombies: {} seen since reapwatch started {} ago",
            count(summary.exits_total, "exit"),
            look.duration(summary.uptime_seconds)
        )
    },
    detail: |host, who, row, look, width| {
        let known = row.map(|it| detail::zombie(it, look));
        detail::process(host, who, known, look, width)
    },
};
