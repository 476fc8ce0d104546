//! What can be asked: each query of the API is answered in one file, for the server, for the agent
//! inside a view, and for a recording.

mod culprits;
mod doctor;
mod explain;
mod stuck;
mod top;
mod workload;
mod zombies;

use std::pin::Pin;

use api::Query;
use futures_util::Stream;

use crate::engine::replay::Replay;
use crate::handle::{Handle, Stopped};

pub use top::MAX_ROWS;

/// The parts of an answer.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Stopped>> + Send>>;

/// A query that this program answers.
pub trait Ask: Query {
    /// Its parameters, checked.
    type Checked: Send + 'static;

    /// Checks the parameters.
    ///
    /// # Errors
    /// One sentence that names the wrong one.
    fn check(self) -> Result<Self::Checked, String>;

    /// Asks the loop.
    fn ask(
        checked: Self::Checked,
        handle: &Handle,
    ) -> impl Future<Output = Result<Self::Answer, Stopped>> + Send;

    /// The answer as JSON in parts that the loop makes one by one as the client reads, so that
    /// however long it is, little of it is in memory. Returns the parameters if the answer is short.
    ///
    /// # Errors
    /// With the parameters, if the answer is sent whole.
    fn parts(checked: Self::Checked, _handle: Handle) -> Result<Parts, Self::Checked> {
        Err(checked)
    }

    /// Asks a recording.
    ///
    /// # Errors
    /// If recordings cannot answer it.
    fn replay(checked: Self::Checked, replay: &Replay) -> anyhow::Result<Self::Answer>;
}

/// Path and parameters of a query, as a client writes them.
pub fn path_of<Q: Query>(query: &Q) -> String {
    let mut path = Q::ROUTE.to_owned();
    let mut parameters = Vec::new();
    for (name, value) in pairs(query) {
        let place = format!("{{{name}}}");
        if path.contains(&place) {
            path = path.replace(&place, &value);
        } else {
            parameters.push((name, value));
        }
    }
    match serde_urlencoded::to_string(parameters) {
        Ok(parameters) if !parameters.is_empty() => format!("{path}?{parameters}"),
        _ => path,
    }
}

/// Reads a query from the fields in its path and the parameters behind it.
///
/// # Errors
/// One sentence that names the wrong parameter.
pub fn parse<Q: Query>(in_path: &[(&str, &str)], parameters: &str) -> Result<Q, String> {
    let in_path = serde_urlencoded::to_string(in_path).unwrap_or_default();
    let parts = [in_path.as_str(), parameters];
    let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    serde_urlencoded::from_str(&parts.join("&")).map_err(|error| {
        let error = error.to_string();
        let error = error.replace("unknown field", "unknown query parameter");
        error.replace("there are no fields", "this path takes none")
    })
}

/// Every query has plain fields, so that this cannot fail.
fn pairs<Q: Query>(query: &Q) -> Vec<(String, String)> {
    let text = serde_urlencoded::to_string(query).unwrap_or_default();
    serde_urlencoded::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::{DoctorQuery, ExplainQuery, Field, List, StuckQuery, ZombiesQuery};

    use super::*;

    fn comes_back<Q: Query + std::fmt::Debug>(query: &Q, path: &str) {
        assert_eq!(path_of(query), path);
        let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
        let pid = path.rsplit('/').next().unwrap_or_default();
        let in_path: &[_] = if Q::ROUTE.contains("{pid}") {
            &[("pid", pid)]
        } else {
            &[]
        };
        assert_eq!(parse(in_path, parameters).as_ref(), Ok(query));
    }

    #[test]
    fn a_query_comes_back_from_its_path() {
        comes_back(&DoctorQuery {}, "/api/v1/doctor");
        comes_back(&ExplainQuery { pid: 42 }, "/api/v1/explain/42");
        let threshold = Some(Duration::from_millis(500));
        let stuck = StuckQuery {
            threshold,
            ..StuckQuery::default()
        };
        comes_back(&stuck, "/api/v1/stuck?threshold=500ms");
        let list = List {
            limit: Some(5),
            sort: Some(Field::Age.into()),
            filter: Some("comm~a b".to_owned()),
        };
        comes_back(
            &ZombiesQuery(list),
            "/api/v1/zombies?limit=5&sort=oldest&filter=comm%7Ea+b",
        );
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let zombies = |text| parse::<ZombiesQuery>(&[], text).expect_err(text);
        for (text, name) in [
            ("fail=1", "fail"),
            ("limit=many", "many"),
            ("limit=-1", "-1"),
        ] {
            let error = zombies(text);
            assert!(error.contains(name), "{error}");
        }
        let error = parse::<ExplainQuery>(&[("pid", "java")], "").expect_err("no PID");
        assert!(error.contains("not a PID"), "{error}");
    }

    #[test]
    fn damaged_parameters_are_refused_or_used() {
        let corpus = [
            "limit=5&sort=zombies&filter=comm%3Dsh%20and%20pid%3E7",
            "threshold=1m30s&limit=2",
            "",
        ];
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = parse::<ZombiesQuery>(&[], &text).and_then(|it| it.check().map(drop));
            let _ = parse::<StuckQuery>(&[], &text).and_then(|it| it.check().map(drop));
            let _ = parse::<ExplainQuery>(&[("pid", &text)], "").map(|it| path_of(&it));
        });
    }
}
