//! Points in time, and the time between them.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize, Serializer};

/// A point in time: RFC 3339 UTC, with this many digits of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct Time<const DIGITS: usize = 9>(pub Timestamp);

impl<const DIGITS: usize> fmt::Display for Time<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.DIGITS$}", self.0)
    }
}

impl<const DIGITS: usize> Serialize for Time<DIGITS> {
    /// Lists of zombies have several in each row, so not by way of `Display`.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let printer = DateTimePrinter::new().precision(Some(DIGITS as u8));
        to.serialize_str(&printer.timestamp_to_string(&self.0))
    }
}

/// How long something took; in JSON a number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// From nanoseconds.
    pub fn of_ns(ns: u64) -> Self {
        Self(ns as f64 / 1e9)
    }
}

/// A duration of whole seconds in its two largest units: `12s`, `5m12s`, `3h`, `4d2h`.
pub fn in_two_units(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |large: u64, large_unit: char, small: u64, small_unit: char| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match () {
        () if minutes == 0 => format!("{seconds}s"),
        () if hours == 0 => pair(minutes, 'm', seconds % 60, 's'),
        () if days == 0 => pair(hours, 'h', minutes % 60, 'm'),
        () => pair(days, 'd', hours % 24, 'h'),
    }
}

impl PartialEq<f64> for Seconds {
    fn eq(&self, other: &f64) -> bool {
        self.0 == *other
    }
}

impl PartialOrd<f64> for Seconds {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.0.partial_cmp(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_all_its_digits() {
        for json in [
            r#""1970-01-01T00:00:00.000000000Z""#,
            r#""2026-11-22T03:11:22.120000000Z""#,
        ] {
            let time: Time = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_string(&time).expect("JSON"), json);
        }
        let time: Time<3> = serde_json::from_str(r#""2026-11-22T03:11:22.123999Z""#).expect("JSON");
        assert_eq!(time.to_string(), "2026-11-22T03:11:22.123Z");
    }
}
