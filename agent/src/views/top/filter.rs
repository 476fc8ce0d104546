//! The filter language: `oldest>10s and comm~java`.
//! What it asks of a row is here; its grammar is in `parse`.

use crate::cli::seconds;

mod parse;

/// What a filter may ask of a row; `None` is not known, and then no comparison holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    /// Its PID.
    pub pid: u32,
    /// Its name.
    pub comm: &'a str,
    /// PID and name of who must reap it; a culprit's own.
    pub parent: Option<(u32, &'a str)>,
    /// Zombies of the parent.
    pub zombies: Option<u64>,
    /// Age of the zombie, or of the parent's oldest.
    pub age: Option<f64>,
    /// Leak rate of the parent.
    pub leak: Option<f64>,
    /// Reap rate of the parent.
    pub reaps: Option<f64>,
}

/// A parsed filter, and the words it came from.
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
enum Field {
    Pid,
    Comm,
    Parent,
    Zombies,
    Age,
    Leak,
    Reaps,
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

impl Filter {
    /// Reads a filter; the error is one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            test: parse::parse(text)?,
            text: text.trim().to_owned(),
        })
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a row passes.
    pub fn matches(&self, row: &Row) -> bool {
        self.test.holds(row)
    }
}

impl Test {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(row)),
            Self::All(tests) => tests.iter().all(|test| test.holds(row)),
            Self::Number(field, op, wanted) => field
                .number(row)
                .is_some_and(|found| op.compare(found, *wanted)),
            Self::Text(field, op, wanted) => {
                let name = match field {
                    Field::Comm => Some(row.comm),
                    Field::Parent => row.parent.map(|parent| parent.1),
                    _ => None,
                };
                name.is_some_and(|name| match op {
                    Op::Equal => name == wanted,
                    Op::Unequal => name != wanted,
                    _ => name.to_lowercase().contains(&wanted.to_lowercase()),
                })
            }
        }
    }
}

impl Field {
    const KNOWN: &str = "pid, comm, parent, zombies, oldest (or age), leak, reaps";

    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "pid" => Self::Pid,
            "comm" => Self::Comm,
            "parent" => Self::Parent,
            "zombies" => Self::Zombies,
            "oldest" | "age" => Self::Age,
            "leak" => Self::Leak,
            "reaps" => Self::Reaps,
            _ => return None,
        })
    }

    fn number(self, row: &Row) -> Option<f64> {
        match self {
            Self::Pid => Some(f64::from(row.pid)),
            Self::Parent => row.parent.map(|parent| f64::from(parent.0)),
            Self::Zombies => row.zombies.map(|zombies| zombies as f64),
            Self::Age => row.age,
            Self::Leak => row.leak,
            Self::Reaps => row.reaps,
            Self::Comm => None,
        }
    }

    /// Joins the field with a value of its kind; `parent` is a PID when it is a number.
    fn test(self, name: &str, op: Op, value: &str) -> Result<Test, String> {
        let number = match self {
            Self::Comm => None,
            Self::Age => Some(seconds(value).ok_or_else(|| {
                format!("`{value}` is no duration; write one such as 500ms, 10s or 5m")
            })?),
            Self::Parent => value.parse().ok(),
            Self::Pid | Self::Zombies | Self::Leak | Self::Reaps => {
                Some(value.parse().map_err(|_| {
                    format!("`{value}` is no number, and {name} is compared with one")
                })?)
            }
        };
        match (number, op) {
            // Somebody who types `parent~12` means names with 12 in them.
            (Some(_), Op::Contains) if self == Self::Parent => {
                Ok(Test::Text(self, op, value.to_owned()))
            }
            (Some(_), Op::Contains) => Err(format!("`~` is for text, and {name} is a number")),
            (Some(number), op) => Ok(Test::Number(self, op, number)),
            (None, Op::Equal | Op::Unequal | Op::Contains) => {
                Ok(Test::Text(self, op, value.to_owned()))
            }
            (None, _) => Err(format!("{name} is text, so compare it with =, != or ~")),
        }
    }
}

impl Op {
    fn compare(self, found: f64, wanted: f64) -> bool {
        match self {
            #[expect(
                clippy::float_cmp,
                reason = "numbers that people see are compared as they are"
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
        comm: "java",
        parent: Some((41, "java")),
        zombies: Some(12),
        age: Some(15.0),
        leak: Some(0.5),
        reaps: None,
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
            // What is not known satisfies nothing, not even an inequality.
            "reaps<1",
            "reaps!=1",
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (filter, part) in [
            ("", "a field is missing"),
            ("color=red", "`color` is no field; known: pid,"),
            ("oldest>soon", "`soon` is no duration"),
            ("oldest>", "a value is missing after `oldest>`"),
            ("oldest", "an operator is missing"),
            ("pid~4", "`~` is for text"),
            ("comm>a", "comm is text"),
            ("zombies=many", "`many` is no number"),
            ("pid=1 comm=a", "`and` or `or` is missing before `comm`"),
            ("(pid=1", "a `(` is not closed"),
            ("pid=1)", "without a `(`"),
            ("comm=\"a", "is not closed"),
            ("pid!1", "stands alone"),
            ("pid=1 and", "a field is missing at the end"),
        ] {
            let error = Filter::parse(filter).expect_err(filter);
            assert!(error.contains(part), "{filter}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Filter::parse(&text);
        }

        #[test]
        fn no_words_of_the_language_panic(
            words in proptest::collection::vec(
                prop_oneof!["pid", "comm", "and", "or", "\\(", "\\)", "=", "~", "<=", "!", "1s", "\""],
                0..12,
            )
        ) {
            let _ = Filter::parse(&words.join(" "));
        }
    }
}
