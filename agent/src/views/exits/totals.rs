//! What a stream of deaths adds up to.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::{Bound, ExitKind, ExitLine, FinishedExit, Seconds};

use super::super::column::{Column, Tone};
use super::super::text::count;
use super::super::{Look, table};

/// Workloads that are counted one by one; further ones share a row.
const WORKLOADS: usize = 1_000;
const OTHERS: &str = "others";
const NONE: &str = "not in a container";

/// Sums of all deaths, and of each workload.
#[derive(Debug, Default)]
pub(super) struct Totals {
    all: Sum,
    lost: u64,
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
    Col::count("KILLED", "killed by a signal", |it| Some(it.killed)),
    Col::count("DUMPED", "killed with a core dump", |it| Some(it.dumped)).tone(|it| {
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
    ),
    Col::span("MAX EXITING", "longest exit", |it| {
        Some((it.longest_exit?, Bound::Exact))
    }),
    Col::span("MAX ZOMBIE", "longest time as a zombie", |it| {
        Some((it.longest_zombie?, Bound::Exact))
    }),
    Col::text("WORKLOAD", "pod, container or unit", |it, look| {
        Some(look.clean(&it.name))
    }),
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

    /// One row per workload, those with most deaths first.
    pub(super) fn table(&self, look: Look) -> String {
        let mut sums: Vec<_> = self.by_workload.values().collect();
        sums.sort_by_key(|sum| Reverse(sum.deaths));
        table::text(&COLUMNS, sums.into_iter(), false, look)
    }

    /// `12 deaths: 3 killed, 1 dumped core; longest kill 2s, longest exit 1.2s, longest zombie 5m`.
    pub(super) fn line(&self, look: Look) -> String {
        let Sum {
            deaths,
            killed,
            dumped,
            longest_kill,
            longest_exit,
            longest_zombie,
            ..
        } = &self.all;
        let mut text = format!(
            "{}: {killed} killed, {dumped} dumped core; longest kill {}, longest exit {}, longest \
             zombie {}",
            count(*deaths, "death"),
            look.maybe(*longest_kill, Bound::Exact),
            look.maybe(*longest_exit, Bound::Exact),
            look.maybe(*longest_zombie, Bound::Exact),
        );
        if self.lost > 0 {
            let lost = self.lost;
            write!(text, "; {lost} MISSING: this reader was too slow").expect("to a string");
        }
        text
    }
}
