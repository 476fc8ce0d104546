//! What a stream of deaths adds up to.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::{Bound, ExitKind, ExitLine, FinishedExit, Seconds};

use super::super::Look;
use super::super::column::{Column, Tone};
use super::super::table::Lines;
use super::super::text::{columns as breadth, count};

/// Workloads that are counted one by one; further ones share a row.
const WORKLOADS: usize = 1_000;
const OTHERS: &str = "others";
const NONE: &str = "not in a container";

/// Sums of all deaths, and of each workload.
#[derive(Debug, Default)]
pub(super) struct Totals {
    all: Sum,
    lost: u64,
    /// Events that the agent lost meanwhile.
    pub(super) unseen: u64,
    by_workload: BTreeMap<String, Sum>,
}

/// Sums of deaths.
#[derive(Clone, Debug, Default)]
struct Sum {
    name: String,
    deaths: u64,
    killed: u64,
    dumped: u64,
    longest_kill: Option<Seconds>,
    longest_exit: Option<Seconds>,
    longest_zombie: Option<Seconds>,
}

impl Sum {
    fn add(&mut self, exit: &FinishedExit) {
        let kind = exit.exit.as_ref().and_then(|exit| exit.kind.known());
        self.deaths += 1;
        self.killed += u64::from(kind == Some(ExitKind::Killed));
        self.dumped += u64::from(kind == Some(ExitKind::Dumped));
        let longer = |a: Option<Seconds>, b: Option<Seconds>| if b > a { b } else { a };
        self.longest_kill = longer(self.longest_kill, exit.kill_seconds);
        self.longest_exit = longer(self.longest_exit, exit.exit_seconds);
        self.longest_zombie = longer(self.longest_zombie, exit.zombie_seconds);
    }
}

type Col = Column<Sum>;

static COLUMNS: [Column<Sum>; 7] = [
    Col::count("DEATHS", "deaths", |it| Some(it.deaths)),
    Col::count("KILLED", "killed by a signal", |it| Some(it.killed)).rank(2),
    Col::count("DUMPED", "killed with a core dump", |it| Some(it.dumped))
        .rank(5)
        .tone(|it| {
            if it.dumped > 0 {
                Tone::Bad
            } else {
                Tone::Plain
            }
        }),
    Col::span(
        "MAX DYING",
        "longest time from fatal signal to death",
        |it| Some((it.longest_kill?, Bound::Exact)),
    )
    .width(9, 9)
    .rank(6),
    Col::span("MAX EXITING", "longest exit", |it| {
        Some((it.longest_exit?, Bound::Exact))
    })
    .width(11, 11)
    .rank(4),
    Col::span("MAX ZOMBIE", "longest time as a zombie", |it| {
        Some((it.longest_zombie?, Bound::Exact))
    })
    .width(10, 10)
    .rank(3),
    Col::text("WORKLOAD", "pod, container or unit", |it, look| {
        Some(look.clean(&it.name))
    })
    .width(20, 200)
    .rank(1)
    .cut_front(),
];

impl Totals {
    /// How many deaths there were.
    pub(super) fn deaths(&self) -> u64 {
        self.all.deaths
    }

    /// Adds a line of the stream.
    pub(super) fn add(&mut self, line: &ExitLine) {
        let exit = match line {
            ExitLine::Exit(exit) => exit,
            ExitLine::Lost { lost } => {
                self.lost += lost;
                return;
            }
        };
        self.all.add(exit);
        let name = exit.container.as_ref().and_then(api::Container::text);
        let mut name = name.unwrap_or_else(|| NONE.to_owned());
        if self.by_workload.len() >= WORKLOADS && !self.by_workload.contains_key(&name) {
            OTHERS.clone_into(&mut name);
        }
        let sum = self.by_workload.entry(name.clone());
        let sum = sum.or_insert_with(|| Sum {
            name,
            ..Sum::default()
        });
        sum.add(exit);
    }

    /// One row per workload, those with most deaths first, no wider than this.
    pub(super) fn table(&self, look: Look, room: usize) -> String {
        let mut sums: Vec<_> = self.by_workload.values().collect();
        sums.sort_by_key(|sum| Reverse(sum.deaths));
        let names = sums.iter().map(|it| breadth(&look.clean(&it.name)));
        let needs = [names.max().unwrap_or_default(); COLUMNS.len()];
        let lines = Lines::fitting(&COLUMNS, &needs, room, look);
        let rows: String = sums.into_iter().map(|sum| lines.of(sum)).collect();
        lines.head() + &rows
    }

    /// `12 deaths: 3 killed, 1 dumped core; longest kill 2s, longest exit 1.2s, longest zombie 5m`.
    pub(super) fn line(&self, look: Look) -> String {
        let all = &self.all;
        let longest = [
            ("kill", all.longest_kill),
            ("exit", all.longest_exit),
            ("zombie", all.longest_zombie),
        ];
        let longest = longest.into_iter().filter_map(|(what, seconds)| {
            Some(format!("longest {what} {}", look.duration(seconds?)))
        });
        let longest: Vec<_> = longest.collect();
        let mut text = format!(
            "{}: {} killed, {} dumped core",
            count(all.deaths, "death"),
            all.killed,
            all.dumped
        );
        if !longest.is_empty() {
            write!(text, "; {}", longest.join(", ")).expect("to a string");
        }
        if self.lost > 0 {
            let lost = self.lost;
            write!(text, "; {lost} MISSING: this reader was too slow").expect("to a string");
        }
        if self.unseen > 0 {
            let events = count(self.unseen, "event");
            write!(text, "; {events} LOST: deaths may be missing").expect("to a string");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> Totals {
        let name = "shop/checkout-worker-7f9c6d5b4-x2x4z/app".to_owned();
        let sum = Sum {
            name: name.clone(),
            deaths: 3,
            longest_zombie: Some(Seconds(2.0)),
            ..Sum::default()
        };
        Totals {
            all: sum.clone(),
            by_workload: [(name, sum)].into(),
            ..Totals::default()
        }
    }

    #[test]
    fn workloads_fit_the_terminal_and_are_cut_at_their_front() {
        for room in [40, 60, 80] {
            let table = totals().table(Look::PLAIN, room);
            let widest = table.lines().map(breadth).max();
            assert!(widest.is_some_and(|it| it <= room), "{table}");
            assert!(
                table.contains("x2x4z/app") && table.contains('…'),
                "{table}"
            );
        }
        let table = totals().table(Look::PLAIN, 200);
        assert!(table.contains(" shop/checkout-worker-7f9c6d5b4-x2x4z/app"));
        assert!(table.contains("MAX DYING"), "{table}");
    }

    #[test]
    fn sums_have_what_is_known_and_what_was_lost() {
        let mut totals = totals();
        let line = totals.line(Look::PLAIN);
        assert!(line.contains("longest zombie") && !line.contains("longest kill"));
        assert!(
            !line.contains("MISSING") && !line.contains("LOST"),
            "{line}"
        );
        (totals.lost, totals.unseen) = (7, 12);
        let line = totals.line(Look::PLAIN);
        assert!(line.contains("7 MISSING") && line.contains("12 events LOST"));
    }
}
