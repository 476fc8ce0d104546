//! The filter language: `oldest>10s and comm~java`. Its grammar is in `parse`.

use std::borrow::Cow;

mod parse;
mod rows;
mod selection;
mod values;
mod wrong;

pub use api::Field;
use api::Seconds;
use regex_lite::{Regex, RegexBuilder};
pub use rows::{EXIT_FIELDS, STUCK_FIELDS};
pub use selection::{Chosen, Selection};
pub use wrong::Wrong;

/// The fields of a row. `None` is unknown and fails every comparison.
#[derive(Clone, Debug, Default)]
pub struct Row<'a> {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: Cow<'a, str>,
    /// PID and name of its parent; for a culprit, its own.
    pub parent: Option<(u32, Cow<'a, str>)>,
    /// Zombies of the parent.
    pub zombies: Option<u64>,
    /// Age of the zombie, or of the parent's oldest.
    pub age: Option<Seconds>,
    /// Leak rate of the parent.
    pub leak: Option<f64>,
    /// Reap rate of the parent.
    pub reaps: Option<f64>,
    /// Node, namespace, pod, container and unit.
    pub place: [Option<&'a str>; 5],
    /// All of these in one text.
    pub workload: Option<Cow<'a, str>>,
    /// Real uid.
    pub user: Option<u32>,
    /// How it ended, such as `exit 1` or `SIGKILL`.
    pub exit: Option<Cow<'a, str>>,
    /// How long it took from a fatal signal to its death.
    pub dying: Option<Seconds>,
    /// How long its exit took.
    pub exiting: Option<Seconds>,
    /// How long it was a zombie.
    pub zombie: Option<Seconds>,
    /// How it was released.
    pub how: Option<&'a str>,
    /// Its killer.
    pub killer: Option<Cow<'a, str>>,
    /// Verdicts, as text.
    pub why: Option<&'a str>,
    /// Stale zombies.
    pub stale: Option<f64>,
    /// New stale zombies per second.
    pub growth: Option<f64>,
    /// Exits per second.
    pub exits: Option<f64>,
    /// Share of late reaps.
    pub late: Option<f64>,
    /// Stuck exits.
    pub stuck: Option<f64>,
    /// Share of PIDs in use.
    pub pids: Option<f64>,
    /// Lost events.
    pub lost: Option<f64>,
}

/// A parsed filter and its source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Number(Field, Op, f64),
    Text(Field, Op, String),
    Pattern(Field, Pattern),
}

/// A regular expression; two are equal if their texts are.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Contains,
    Matches,
}

impl Filter {
    /// Whether it needs the workload of each row.
    pub(super) fn names_place(&self) -> bool {
        self.test.uses(&Field::is_of_place)
    }

    /// Parses a filter that may only use these fields.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Self, Wrong> {
        Ok(Self {
            test: parse::parse(text, fields)?,
            text: text.trim().to_owned(),
        })
    }

    /// The source text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a row matches.
    pub fn matches(&self, row: &Row) -> bool {
        self.test.holds(row)
    }
}

impl Test {
    fn uses(&self, wanted: &impl Fn(Field) -> bool) -> bool {
        match self {
            Self::Any(tests) | Self::All(tests) => tests.iter().any(|test| test.uses(wanted)),
            Self::Not(test) => test.uses(wanted),
            Self::Number(field, ..) | Self::Text(field, ..) | Self::Pattern(field, _) => {
                wanted(*field)
            }
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(row)),
            Self::All(tests) => tests.iter().all(|test| test.holds(row)),
            Self::Not(test) => !test.holds(row),
            Self::Number(field, op, wanted) => row
                .number(*field)
                .is_some_and(|found| op.compare(found, *wanted)),
            Self::Text(field, op, wanted) => row.text(*field).is_some_and(|name| match op {
                Op::Equal => values::is(*field, name, wanted),
                Op::Unequal => !values::is(*field, name, wanted),
                _ => name.to_lowercase().contains(&wanted.to_lowercase()),
            }),
            Self::Pattern(field, pattern) => row
                .text(*field)
                .is_some_and(|name| pattern.0.is_match(name)),
        }
    }

    /// Compares a field with a value of its type; `parent` is a PID if the value is a number.
    fn of(field: Field, name: &str, op: Op, value: &str) -> Result<Self, Misfit> {
        match (number(field, name, value).map_err(Misfit::Value)?, op) {
            // `parent~12` means names that contain 12.
            (Some(_), Op::Contains | Op::Matches) if field != Field::Parent => Err(
                Misfit::Operator(format!("`~` works on text, and {name} is a number")),
            ),
            (_, Op::Matches) => {
                let pattern = pattern(value).map_err(Misfit::Value)?;
                Ok(Self::Pattern(field, pattern))
            }
            (Some(number), op) if op != Op::Contains => Ok(Self::Number(field, op, number)),
            (_, Op::Contains) => Ok(Self::Text(field, op, value.to_owned())),
            (_, Op::Equal | Op::Unequal) => {
                let value = values::exact(field, value).map_err(Misfit::Value)?;
                Ok(Self::Text(field, op, value))
            }
            _ => Err(Misfit::Operator(format!(
                "{name} is text; use =, !=, ~ or =~"
            ))),
        }
    }
}

/// What does not fit a field.
enum Misfit {
    Operator(String),
    Value(String),
}

/// The value of a field that is a number.
fn number(field: Field, name: &str, value: &str) -> Result<Option<f64>, String> {
    Ok(match field {
        Field::Comm
        | Field::Node
        | Field::Namespace
        | Field::Pod
        | Field::Container
        | Field::Unit
        | Field::Workload
        | Field::Exit
        | Field::How
        | Field::Killer
        | Field::Why => None,
        Field::Age | Field::Zombie | Field::Dying | Field::Exiting => {
            let duration = api::parse_duration(value).map_err(|_| {
                format!("`{value}` is not a duration; write one such as 500ms, 10s or 5m")
            })?;
            Some(duration.as_secs_f64())
        }
        Field::Parent => value.parse().ok(),
        Field::Late | Field::Pids if value.ends_with('%') => {
            let share = value.trim_end_matches('%').parse::<f64>();
            let share = share.map_err(|_| format!("`{value}` is not a percentage"))?;
            Some(share / 100.0)
        }
        _ => {
            let number = value.parse();
            Some(number.map_err(|_| format!("`{value}` is not a number, which {name} needs"))?)
        }
    })
}

/// A regular expression of bounded size.
fn pattern(text: &str) -> Result<Pattern, String> {
    let regex = RegexBuilder::new(text).size_limit(1 << 18).build();
    regex.map(Pattern).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        format!("`{text}` is not a regular expression: {why}")
    })
}

impl Row<'_> {
    fn text(&self, field: Field) -> Option<&str> {
        let [node, namespace, pod, container, unit] = self.place;
        match field {
            Field::Comm => Some(&self.comm),
            Field::Parent => self.parent.as_ref().map(|parent| &*parent.1),
            Field::Node => node,
            Field::Namespace => namespace,
            Field::Pod => pod,
            Field::Container => container,
            Field::Unit => unit,
            Field::Why => self.why,
            Field::Workload => self.workload.as_deref(),
            Field::Exit => self.exit.as_deref(),
            Field::How => self.how,
            Field::Killer => self.killer.as_deref(),
            _ => None,
        }
    }

    fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::Pid => Some(f64::from(self.pid)),
            Field::Parent => self.parent.as_ref().map(|parent| f64::from(parent.0)),
            Field::Zombies => self.zombies.map(|zombies| zombies as f64),
            Field::Age => self.age.map(|age| age.0),
            Field::User => self.user.map(f64::from),
            Field::Dying => self.dying.map(|it| it.0),
            Field::Exiting => self.exiting.map(|it| it.0),
            Field::Zombie => self.zombie.map(|it| it.0),
            Field::Leak => self.leak,
            Field::Reaps => self.reaps,
            Field::Stale => self.stale,
            Field::Growth => self.growth,
            Field::Exits => self.exits,
            Field::Late => self.late,
            Field::Stuck => self.stuck,
            Field::Pids => self.pids,
            Field::Lost => self.lost,
            _ => None,
        }
    }
}

impl Op {
    fn compare(self, found: f64, wanted: f64) -> bool {
        match self {
            #[expect(
                clippy::float_cmp,
                reason = "compares the numbers exactly as displayed"
            )]
            Self::Equal => found == wanted,
            #[expect(clippy::float_cmp, reason = "the same")]
            Self::Unequal => found != wanted,
            Self::Greater => found > wanted,
            Self::Less => found < wanted,
            Self::AtLeast => found >= wanted,
            Self::AtMost => found <= wanted,
            Self::Contains | Self::Matches => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn java() -> Row<'static> {
        Row {
            pid: 41,
            comm: Cow::Borrowed("java"),
            parent: Some((41, Cow::Borrowed("java"))),
            zombies: Some(12),
            age: Some(Seconds(15.0)),
            leak: Some(0.5),
            reaps: None,
            place: [Some("worker-1"), Some("shop"), None, None, None],
            workload: Some(Cow::Borrowed("shop/web-0")),
            user: Some(1000),
            exit: Some(Cow::Borrowed("SIGKILL")),
            zombie: Some(Seconds(0.2)),
            why: Some("never_waits"),
            late: Some(0.25),
            ..Row::default()
        }
    }

    fn holds(filter: &str) -> bool {
        Filter::parse(filter, Field::ALL)
            .unwrap_or_else(|error| panic!("{filter}: {error}"))
            .matches(&java())
    }

    #[test]
    fn comparisons_hold() {
        for filter in [
            "oldest>10s and comm~java",
            "age >= 15",
            "age<1m",
            "comm~JAV",
            "comm=java",
            "comm != bash",
            "parent=41 and parent~jav and parent=java",
            "zombies>11 AND zombies<=12",
            "leak<1",
            "pid==41",
            "comm=\"java\"",
            "pid=1 or comm=java and zombies=12",
            "(pid=1 or comm=java) and zombies=12",
            "ns=shop and namespace~SHO and node!=worker-2",
            "late>20% and late<=0.25 and why~waits",
            "not why=just_died and not (pid=1 or pid=2)",
            "not not pid=41",
            "(comm=~(j|x)ava) and comm=~^ja.a$ and parent=~\"v{1}a\" and not comm=~^av",
            "workload=shop/web-0 and user=1000 and exit=SIGKILL and zombie>=200ms",
            "verdict=never_waits",
            "why!=unkillable_sleep and why~never",
            "exit!=1 and exit!=SIGRTMIN+3 and exit~kil",
            // What is unknown is not anything.
            "not pod=a",
        ] {
            assert!(holds(filter), "{filter}");
        }
    }

    #[test]
    fn comparisons_fail() {
        for filter in [
            "oldest>1m",
            "comm=jav",
            "pid=41 and comm~bash",
            "(pid=41 or comm=bash) and zombies=1",
            // An unknown value fails every comparison, even an inequality.
            "reaps<1",
            "reaps!=1",
            "pod!=a",
            "not comm=java",
            "comm=~^av",
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (filter, part) in [
            ("", "missing field"),
            ("color=red", "`color`"),
            ("oldest>soon", "`soon`"),
            ("oldest>", "missing value after `oldest>`"),
            ("oldest", "missing operator"),
            ("pid~4", "pid is a number"),
            ("comm>a", "comm is text"),
            ("zombies=many", "`many`"),
            ("pid=1 comm=a", "before `comm`"),
            ("(pid=1", "missing `)`"),
            ("pid=1)", "without `(`"),
            ("comm=\"a", "missing closing `\"`"),
            ("pid!1", "`!=`"),
            ("pid=1 and", "missing field at the end"),
            ("not", "missing field at the end"),
            ("comm=~(", "not a regular expression"),
            ("comm=~a{9999}{9999}", "not a regular expression"),
            ("pid=~1", "pid is a number"),
            ("why=held_by_trace", "`held_by_tracer`"),
            ("not why!=banana", "`banana` is not a verdict"),
            ("how=waited", "`waited`"),
            ("exit=SIGKIL", "`SIGKILL`"),
            ("exit=256", "`256`"),
        ] {
            let error = Filter::parse(filter, Field::ALL).expect_err(filter);
            assert!(error.to_string().contains(part), "{filter}: {error}");
        }
    }

    #[test]
    fn exits_are_found_by_code_and_signal() {
        for (exit, filter, is_match) in [
            ("exit 1", "exit=1", true),
            ("exit 1", "exit=\"exit 1\"", true),
            ("exit 11", "exit=1", false),
            ("SIGSEGV core", "exit=SIGSEGV", true),
            ("SIGSEGV core", "exit!=SIGSEGV", false),
            ("SIGSEGV core", "exit=\"SIGSEGV core\"", true),
            ("SIGSEGV", "exit=\"SIGSEGV core\"", false),
        ] {
            let row = Row {
                exit: Some(Cow::Borrowed(exit)),
                ..Row::default()
            };
            let filter = Filter::parse(filter, &EXIT_FIELDS).expect(filter);
            assert_eq!(filter.matches(&row), is_match, "{exit} {filter:?}");
        }
    }

    #[test]
    fn fields_that_the_rows_lack_are_named() {
        let fields = [Field::Node, Field::Age];
        assert!(Filter::parse("node~w or oldest>1", &fields).is_ok());
        let error = Filter::parse("node~w and (oldest>1 or pid=1)", &fields);
        let error = error.expect_err("pid is not among them").to_string();
        assert!(error.contains("`pid`"), "{error}");
        assert!(error.ends_with("oldest (or age), node"), "{error}");
    }

    #[test]
    fn an_error_points_at_its_place() {
        for (filter, marked) in [
            ("pid=1 and colour=red", "colour"),
            ("oldest>soon or pid=1", "soon"),
            ("pid=1 comm=a", "comm"),
            ("comm>a", ">"),
            ("é=1", "é"),
        ] {
            let text = Filter::parse(filter, Field::ALL)
                .expect_err(filter)
                .pointed(filter);
            let lines: Vec<_> = text.lines().collect();
            let from = lines[2].find('^').expect("a caret");
            let chars = lines[1].chars().skip(from);
            let found: String = chars.take(lines[2].matches('^').count()).collect();
            assert_eq!(found, marked, "{text}");
        }
        let text = Filter::parse("pid=1 and", Field::ALL)
            .expect_err("")
            .pointed("pid=1 and");
        assert!(text.contains("\n    pid=1 and\n             ^"), "{text}");
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(Filter::parse(&"(".repeat(100_000), Field::ALL).is_err());
        assert!(Filter::parse(&"not ".repeat(100_000), Field::ALL).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".*") {
            if let Err(wrong) = Filter::parse(&text, Field::ALL) {
                let _ = wrong.pointed(&text);
            }
        }

        #[test]
        fn any_words_of_the_language_are_parsed_without_a_panic(
            words in proptest::collection::vec(
                prop_oneof!["pid", "comm", "and", "or", "not", "\\(", "\\)", "=", "~", "<=", "!", "1s", "\""],
                0..12,
            )
        ) {
            let _ = Filter::parse(&words.join(" "), Field::ALL);
        }
    }
}
