//! What can be asked of an agent: each question has one path and one kind of answer, for the
//! server, for views, and for the agent inside a view.

use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Culprits, Doctor, Document, Explained, Field, OrOther, Stuck, Top, WorkloadHabits, Zombie,
};

/// A question. Its fields are the parameters of its path.
pub trait Query: Clone + PartialEq + Serialize + DeserializeOwned + Send + 'static {
    /// Its path, with fields that are part of it in braces.
    const ROUTE: &'static str;
    /// The type of the answer.
    type Answer: Serialize + DeserializeOwned + Send + 'static;
}

/// Which items of a list are wanted, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// At most so many; `total` in the answer counts all that pass the filter.
    #[serde(deserialize_with = "limit", skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// By this field, the largest or the first of the alphabet first; else the worst first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<OrOther<Field>>,
    /// Those that pass it, such as `oldest>10s and comm~java`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// Zombies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZombiesQuery(pub List);

impl Query for ZombiesQuery {
    const ROUTE: &'static str = "/api/v1/zombies";
    type Answer = Document<Zombie>;
}

/// Processes that do not reap, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CulpritsQuery(pub List);

impl Query for CulpritsQuery {
    const ROUTE: &'static str = "/api/v1/culprits";
    type Answer = Culprits;
}

/// One frame of the live view. All its tables are filtered and sorted, and each has at most as many
/// rows as the limit: 1,000 unless given, and 10,000 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopQuery(pub List);

impl Query for TopQuery {
    const ROUTE: &'static str = "/api/v1/top";
    type Answer = Document<Top>;
}

/// The story of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    /// Its number on the agent's host.
    #[serde(deserialize_with = "pid")]
    pub pid: u32,
}

impl Query for ExplainQuery {
    const ROUTE: &'static str = "/api/v1/explain/{pid}";
    type Answer = Explained;
}

/// How the processes of a container, pod or unit treated their dead children of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkloadQuery {
    /// Its cgroup, such as `/system.slice/cron.service`; all processes outside of containers, pods
    /// and units unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
}

impl Query for WorkloadQuery {
    const ROUTE: &'static str = "/api/v1/workload";
    type Answer = WorkloadHabits;
}

/// Processes that have been exiting for too long, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StuckQuery {
    /// For how long at least, such as `5s`.
    #[serde(
        deserialize_with = "threshold",
        serialize_with = "millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub threshold: Option<Duration>,
    /// As in [`List`].
    #[serde(deserialize_with = "limit", skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// As in [`List`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<OrOther<Field>>,
    /// As in [`List`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

impl StuckQuery {
    /// Which items are wanted.
    pub fn list(&self) -> List {
        List {
            limit: self.limit,
            sort: self.sort.clone(),
            filter: self.filter.clone(),
        }
    }
}

impl Query for StuckQuery {
    const ROUTE: &'static str = "/api/v1/stuck";
    type Answer = Document<Stuck>;
}

/// What the host allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorQuery {}

impl Query for DoctorQuery {
    const ROUTE: &'static str = "/api/v1/doctor";
    type Answer = Doctor;
}

/// Parameters are text.
fn limit<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(value)?;
    let limit = text.parse().map(Some);
    limit.map_err(|_| D::Error::custom(format!("limit is a number such as 50, not `{text}`")))
}

fn threshold<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    let threshold = parse_duration(&String::deserialize(value)?).map(Some);
    threshold.map_err(|error| D::Error::custom(format!("threshold: {error}")))
}

#[expect(clippy::ref_option, reason = "serde passes a field like this")]
fn millis<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!(
        "{}ms",
        duration.unwrap_or_default().as_millis()
    ))
}

fn pid<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    let text = String::deserialize(value)?;
    parse_pid(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not a PID; use a number from 1, such as 1234"
        ))
    })
}

/// A duration in humantime's syntax, such as `500ms`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    duration.ok_or_else(|| {
        "not a duration; write a number and a unit, such as 500ms, 10s or 5m".to_owned()
    })
}

/// A PID: a positive `pid_t`, in digits alone.
pub fn parse_pid(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i32>().ok();
    let number = number.filter(|&number| digits && number > 0);
    number.map(i32::cast_unsigned)
}
