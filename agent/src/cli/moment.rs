//! A moment of a recording, as people write it.

use std::str::FromStr;
use std::time::Duration;

use api::Time;
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long before its end.
    BeforeEnd(Duration),
    /// A time of day in UTC.
    Clock(civil::Time),
    /// A point in time.
    Point(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a moment; write 90s after the start, -30s before the end, a time \
                 of day in UTC such as 03:11:22, or start or end"
            )
        };
        let duration = |text| api::parse_duration(text).map_err(|_| wrong());
        match text {
            "start" => return Ok(Self::After(Duration::ZERO)),
            "end" => return Ok(Self::BeforeEnd(Duration::ZERO)),
            _ => {}
        }
        if let Some(text) = text.strip_prefix('-') {
            return duration(text).map(Self::BeforeEnd);
        }
        if let Ok(point) = text.parse() {
            return Ok(Self::Point(point));
        }
        if text.contains(':') {
            return text.parse().map(Self::Clock).map_err(|_| wrong());
        }
        duration(text.trim_start_matches('+')).map(Self::After)
    }
}

impl Moment {
    /// Its distance from the start of a recording.
    ///
    /// # Errors
    /// If the recording does not include it.
    pub fn in_recording(self, began: Time, length: Duration) -> Result<Duration, String> {
        let at = match self {
            Self::After(at) => Some(at),
            Self::BeforeEnd(distance) => return Ok(length.saturating_sub(distance)),
            Self::Point(point) => after(began, point),
            Self::Clock(time) => {
                let began = began.0.to_zoned(TimeZone::UTC);
                let date = began.date();
                // A recording that runs past midnight has times of the next day.
                let days = [Some(date), date.tomorrow().ok()].into_iter().flatten();
                let mut days = days.filter_map(|day| {
                    let point = day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
                    after(Time(began.timestamp()), point.timestamp())
                });
                days.find(|at| *at <= length)
            }
        };
        at.filter(|at| *at <= length).ok_or_else(|| {
            let end = Timestamp::from_duration(began.0.as_duration() + to_signed(length));
            let end = end.unwrap_or(Timestamp::MAX);
            format!(
                "the recording does not include that moment: it is {} long, from {} to {} UTC",
                humantime::format_duration(Duration::from_secs(length.as_secs())),
                began.0.strftime("%F %T"),
                end.strftime("%F %T"),
            )
        })
    }
}

fn after(began: Time, point: Timestamp) -> Option<Duration> {
    Duration::try_from(point.as_duration() - began.0.as_duration()).ok()
}

fn to_signed(length: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<f64, String> {
        let began = Time("2026-11-29T23:59:30Z".parse().expect("a time"));
        let moment: Moment = text.parse()?;
        let at = moment.in_recording(began, Duration::from_secs(120))?;
        Ok(at.as_secs_f64())
    }

    #[test]
    fn moments_are_found_in_a_recording() {
        for (text, seconds) in [
            ("start", 0.0),
            ("end", 120.0),
            ("90s", 90.0),
            ("+1m", 60.0),
            ("1.5", 1.5),
            ("-30s", 90.0),
            ("-1h", 0.0),
            ("23:59:40", 10.0),
            ("00:01:00", 90.0),
            ("00:01", 90.0),
            ("2026-11-30T00:00:00Z", 30.0),
        ] {
            assert_eq!(at(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn moments_outside_of_the_recording_are_refused_with_its_bounds() {
        for text in ["3m", "23:59:00", "12:00", "2026-11-28T00:00:00Z"] {
            let error = at(text).expect_err(text);
            assert!(error.contains("from 2026-11-29 23:59:30"), "{error}");
            assert!(error.contains("to 2026-11-30 00:01:30"), "{error}");
        }
        for text in ["", "soon", "25:00", "10 parsecs", "-"] {
            let error = at(text).expect_err(text);
            assert!(error.contains("03:11:22"), "{text}: {error}");
        }
    }
}
