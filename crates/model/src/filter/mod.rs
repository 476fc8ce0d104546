//! The filter language: `oldest>10s and comm~java`. Its grammar is in `parse`.

use std::borrow::Cow;

mod parse;
mod selection;

pub use api::Field;
use api::Seconds;
pub use selection::{Chosen, Selection};

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
    Number(Field, Op, f64),
    Text(Field, Op, String),
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
}

impl Test {
    fn names_place(&self) -> bool {
        match self {
            Self::Any(tests) | Self::All(tests) => tests.iter().any(Self::names_place),
            Self::Number(field, ..) | Self::Text(field, ..) => field.is_of_place(),
        }
    }
}

impl Filter {
    /// Whether it needs the workload of each row.
    pub(super) fn names_place(&self) -> bool {
        self.test.names_place()
    }

    /// Parses a filter; the error is one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            test: parse::parse(text)?,
            text: text.trim().to_owned(),
        })
    }

    /// Parses a filter that may only use these fields.
    pub fn parse_for(text: &str, fields: &[Field]) -> Result<Self, String> {
        let filter = Self::parse(text)?;
        filter.fits(fields)?;
        Ok(filter)
    }

    /// Checks that the filter uses only these fields.
    pub fn fits(&self, fields: &[Field]) -> Result<(), String> {
        match self.test.stranger(fields) {
            None => Ok(()),
            Some(field) => Err(format!(
                "these rows have no field {field}; known: {}",
                Field::known(fields)
            )),
        }
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
    /// A field that the filter uses and that is not in this list.
    fn stranger(&self, fields: &[Field]) -> Option<Field> {
        match self {
            Self::Any(tests) | Self::All(tests) => {
                tests.iter().find_map(|test| test.stranger(fields))
            }
            Self::Number(field, ..) | Self::Text(field, ..) => {
                (!fields.contains(field)).then_some(*field)
            }
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(row)),
            Self::All(tests) => tests.iter().all(|test| test.holds(row)),
            Self::Number(field, op, wanted) => row
                .number(*field)
                .is_some_and(|found| op.compare(found, *wanted)),
            Self::Text(field, op, wanted) => row.text(*field).is_some_and(|name| match op {
                Op::Equal => name == wanted,
                Op::Unequal => name != wanted,
                _ => name.to_lowercase().contains(&wanted.to_lowercase()),
            }),
        }
    }

    /// Compares a field with a value of its type; `parent` is a PID if the value is a number.
    fn of(field: Field, name: &str, op: Op, value: &str) -> Result<Self, String> {
        let number = match field {
            Field::Comm
            | Field::Node
            | Field::Namespace
            | Field::Pod
            | Field::Container
            | Field::Unit
            | Field::Why => None,
            Field::Age => {
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
            _ => Some(
                value
                    .parse()
                    .map_err(|_| format!("`{value}` is not a number, which {name} needs"))?,
            ),
        };
        match (number, op) {
            // `parent~12` means names that contain 12.
            (Some(_), Op::Contains) if field == Field::Parent => {
                Ok(Self::Text(field, op, value.to_owned()))
            }
            (Some(_), Op::Contains) => Err(format!("`~` works on text, and {name} is a number")),
            (Some(number), op) => Ok(Self::Number(field, op, number)),
            (None, Op::Equal | Op::Unequal | Op::Contains) => {
                Ok(Self::Text(field, op, value.to_owned()))
            }
            (None, _) => Err(format!("{name} is text; use =, != or ~")),
        }
    }
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
            _ => None,
        }
    }

    fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::Pid => Some(f64::from(self.pid)),
            Field::Parent => self.parent.as_ref().map(|parent| f64::from(parent.0)),
            Field::Zombies => self.zombies.map(|zombies| zombies as f64),
            Field::Age => self.age.map(|age| age.0),
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
            Self::Contains => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JAVA: Row = Row {
        pid: 41,
        comm: Cow::Borrowed("java"),
        parent: Some((41, Cow::Borrowed("java"))),
        zombies: Some(12),
        age: Some(Seconds(15.0)),
        leak: Some(0.5),
        reaps: None,
        place: [Some("worker-1"), Some("shop"), None, None, None],
        why: Some("never_waits"),
        stale: None,
        growth: None,
        exits: None,
        late: Some(0.25),
        stuck: None,
        pids: None,
        lost: None,
    };

    fn holds(filter: &str) -> bool {
        Filter::parse(filter)
            .unwrap_or_else(|error| panic!("{filter}: {error}"))
            .matches(&JAVA)
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
        ] {
            let error = Filter::parse(filter).expect_err(filter);
            assert!(error.contains(part), "{filter}: {error}");
        }
    }

    #[test]
    fn fields_that_the_rows_lack_are_named() {
        let fields = [Field::Node, Field::Age];
        assert!(Filter::parse_for("node~w or oldest>1", &fields).is_ok());
        let error = Filter::parse_for("node~w and (oldest>1 or pid=1)", &fields);
        let error = error.expect_err("pid is not among them");
        assert!(error.contains(" pid;"), "{error}");
        assert!(error.ends_with("oldest (or age), node"), "{error}");
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".*") {
            let _ = Filter::parse(&text);
        }

        #[test]
        fn any_words_of_the_language_are_parsed_without_a_panic(
            words in proptest::collection::vec(
                prop_oneof!["pid", "comm", "and", "or", "\\(", "\\)", "=", "~", "<=", "!", "1s", "\""],
                0..12,
            )
        ) {
            let _ = Filter::parse(&words.join(" "));
        }
    }
}
