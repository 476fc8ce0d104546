//! Parsers of option values. Each error names the fix.

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use api::parse_duration;

/// A value, or the word `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrNone<T> {
    /// The word `none`.
    None,
    /// A value.
    Some(T),
}

impl<T> OrNone<T> {
    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

/// The socket of a container runtime, written as in kubelet's `--container-runtime-endpoint`, or
/// as a path.
pub fn cri_endpoint(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    path.starts_with('/')
        .then(|| PathBuf::from(path))
        .ok_or_else(|| {
            "not a Unix socket; write its full path, such as unix:///run/containerd/containerd.sock"
                .to_owned()
        })
}

/// A PID: a positive `pid_t`.
pub fn pid(text: &str) -> Result<u32, String> {
    api::parse_pid(text)
        .ok_or_else(|| "not a PID; write a positive number, such as 1234".to_owned())
}

/// At most so many.
pub fn limit(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "not a number; write one such as 50".to_owned())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time between two snapshots of all processes.
pub fn reconcile_interval(text: &str) -> Result<Duration, String> {
    within(
        text,
        Duration::from_secs(1)..=DAY,
        "must be from 1s to 24h, such as 60s",
    )
}

/// How long to watch before judging.
pub fn watch_span(text: &str) -> Result<Duration, String> {
    within(
        text,
        Duration::ZERO..=DAY / 24,
        "must not exceed 1h; for example 3s, or 0s",
    )
}

/// The age at which a zombie is stale. With zero, every zombie is stale.
pub fn stale_age(text: &str) -> Result<Duration, String> {
    within(
        text,
        Duration::ZERO..=DAY * 365,
        "must not exceed 365days; for example 30s",
    )
}

/// The time between two frames.
pub fn interval(text: &str) -> Result<Duration, String> {
    within(
        text,
        Duration::from_millis(100)..=DAY / 24,
        "must be from 100ms to 1h, such as 1s",
    )
}

fn within(text: &str, range: RangeInclusive<Duration>, fix: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    range
        .contains(&duration)
        .then_some(duration)
        .ok_or_else(|| fix.to_owned())
}

/// The address of the HTTP server.
pub fn listen(text: &str) -> Result<OrNone<SocketAddr>, String> {
    if text == "none" {
        return Ok(OrNone::None);
    }
    // Other names would need a resolver at start and may have several addresses.
    let address = if text.starts_with("localhost:") {
        text.to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next())
    } else {
        text.parse().ok()
    };
    address.map(OrNone::Some).ok_or_else(|| {
        "not an address and port; write one such as 127.0.0.1:9991 or [::]:9991, or none".to_owned()
    })
}

/// The path of the agent's socket. For an empty one the kernel would choose a name.
pub fn socket(text: &str) -> Result<OrNone<PathBuf>, String> {
    match text {
        "" => Err("the path is empty; write a path, or none".to_owned()),
        "none" => Ok(OrNone::None),
        path => Ok(OrNone::Some(PathBuf::from(path))),
    }
}

/// The size of the ring buffer; the kernel requires a power of two of whole pages.
pub fn ring_bytes(text: &str) -> Result<u32, String> {
    const FIX: &str = "write a power of two from 64KiB to 1GiB, such as 4MiB";
    let bytes = size(text).ok_or_else(|| format!("not a size; {FIX}"))?;
    if !bytes.is_power_of_two() {
        return Err(format!("not a power of two; {FIX}"));
    }
    if !(64 << 10..=1 << 30).contains(&bytes) {
        return Err(format!("out of range; {FIX}"));
    }
    Ok(bytes as u32)
}

/// The size of a file.
pub fn bytes(text: &str) -> Result<u64, String> {
    size(text).ok_or_else(|| "not a size; write one such as 500M or 2GiB".to_owned())
}

fn size(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units_and_bare_seconds() {
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "-1", "nan", "10 parsecs", "1e400"] {
            assert!(parse_duration(bad).is_err(), "{bad:?} passed");
        }
        assert!(interval("10ms").is_err());
    }

    #[test]
    fn out_of_range_durations_are_refused() {
        assert_eq!(reconcile_interval("60s"), Ok(Duration::from_secs(60)));
        for bad in ["0", "1ms", "25h", "1e19", "1000000000y"] {
            assert!(reconcile_interval(bad).is_err(), "{bad:?} passed");
        }
        assert_eq!(stale_age("0"), Ok(Duration::ZERO));
        assert!(stale_age("1e19").is_err());
        assert_eq!(watch_span("0s"), Ok(Duration::ZERO));
        assert!(watch_span("2h").is_err());
    }

    #[test]
    fn a_pid_is_a_number_above_zero() {
        assert_eq!(pid("1234"), Ok(1234));
        for bad in [
            "",
            "0",
            "-1",
            "+1",
            " 1",
            "1.0",
            "0x10",
            "java",
            "4294967296",
        ] {
            assert!(pid(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_socket_has_a_name() {
        assert_eq!(socket("none"), Ok(OrNone::None));
        assert_eq!(socket("/s"), Ok(OrNone::Some(PathBuf::from("/s"))));
        assert!(socket("").is_err());
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(ring_bytes("4MiB"), Ok(4 << 20));
        assert_eq!(ring_bytes("64k"), Ok(64 << 10));
        assert_eq!(ring_bytes("1GiB"), Ok(1 << 30));
        assert_eq!(bytes("500M"), Ok(500 << 20));
        assert!(bytes("3 parsecs").is_err());
        for bad in [
            "3MiB",
            "4kB",
            "",
            "MiB",
            "2GiB",
            "4KiB",
            "99999999999999999999",
            "-4MiB",
        ] {
            assert!(ring_bytes(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn listen_takes_addresses_and_none() {
        assert_eq!(listen("none"), Ok(OrNone::None));
        assert!(listen("[::]:9991").is_ok());
        assert!(listen("localhost:9991").is_ok());
        for bad in ["9991", ":9991", "127.0.0.1", "web-1:9991"] {
            assert!(listen(bad).is_err(), "{bad:?} passed");
        }
    }
}
