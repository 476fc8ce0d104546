//! Prometheus' answer to an instant query.

use std::collections::BTreeMap;

use serde_json::Value;

use api::fleet::FleetAgent;

/// One series at one time.
#[derive(Clone, Debug)]
pub(super) struct Series {
    labels: BTreeMap<String, String>,
    /// Its value; may be NaN.
    pub value: f64,
}

impl Series {
    /// A label; `None` if empty.
    pub fn label(&self, name: &str) -> Option<&str> {
        let value = self.labels.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The same, owned.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.label(name).map(str::to_owned)
    }

    /// The agent that the series is from.
    pub fn agent(&self) -> FleetAgent {
        let instance = self.owned("instance").unwrap_or_default();
        FleetAgent {
            cluster: self.owned("cluster"),
            node: self.owned("node").unwrap_or_else(|| instance.clone()),
            instance,
            job: self.owned("job").unwrap_or_default(),
        }
    }
}

/// The series of a vector; `None` if this is not an answer of Prometheus.
pub(super) fn parse(body: &[u8]) -> Option<Vec<Series>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let data = &answer["data"];
    if answer["status"] != "success" || data["resultType"] != "vector" {
        return None;
    }
    data["result"].as_array()?.iter().map(one).collect()
}

fn one(series: &Value) -> Option<Series> {
    let labels = series["metric"].as_object()?;
    Some(Series {
        labels: labels
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
        value: series["value"][1].as_str()?.parse().ok()?,
    })
}

/// Prometheus' error message.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    (answer["status"] == "error").then(|| answer["error"].as_str().unwrap_or("").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_answers_of_prometheus_are_read() {
        let corpus = [
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":
            "a:9991","node":"a"},"value":[1769904000.123,"NaN"]}]}}"#,
            r#"{"status":"error","errorType":"bad_data","error":"invalid expression"}"#,
        ];
        fuzz::feed(&corpus, |bytes| {
            refusal(bytes);
            for series in parse(bytes).unwrap_or_default() {
                series.agent();
            }
        });
    }
}
