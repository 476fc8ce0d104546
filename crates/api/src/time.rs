//! Points in time.

use std::fmt;

use jiff::Timestamp;
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
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
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
