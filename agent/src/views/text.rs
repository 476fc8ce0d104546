//! Formats values: durations, exits, processes. Text from outside goes through `clean`.

use api::{
    Bound, Confidence, Container, Exit, Id, KillBy, Killer, OrOther, Process, Seconds, Time,
    Verdict,
};

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Look;
use crate::invisible::is_invisible;

impl Look {
    /// A duration: `850µs`, `1.2ms`, `3.4s`, `5m12s`, `3h`, `4d2h`.
    pub fn duration(self, Seconds(seconds): Seconds) -> String {
        let micro = if self.ascii { "us" } else { "µs" };
        // The thresholds take rounding into account, so that it never prints `1000µs`.
        if !seconds.is_finite() || seconds < 0.0 {
            "?".to_owned()
        } else if seconds < 999.5e-6 {
            format!("{:.0}{micro}", seconds * 1e6)
        } else if seconds < 9.95e-3 {
            format!("{:.1}ms", seconds * 1e3)
        } else if seconds < 0.9995 {
            format!("{:.0}ms", seconds * 1e3)
        } else if seconds < 9.95 {
            format!("{seconds:.1}s")
        } else if seconds < 59.5 {
            format!("{seconds:.0}s")
        } else {
            api::in_two_units(seconds.round() as u64)
        }
    }

    /// The same with a bound mark: `≥3.4s`.
    pub fn bounded(self, seconds: Seconds, bound: Bound) -> String {
        let mark = match (bound, self.ascii) {
            (Bound::Exact, _) => "",
            (Bound::AtLeast, false) => "≥",
            (Bound::AtLeast, true) => ">=",
            (Bound::AtMost, false) => "≤",
            (Bound::AtMost, true) => "<=",
        };
        format!("{mark}{}", self.duration(seconds))
    }

    /// Shown for an unknown or missing value.
    pub fn nothing(self) -> &'static str {
        if self.ascii { "-" } else { "–" }
    }

    /// A value as `shown` prints it, if it is known.
    pub fn known<T>(self, value: Option<T>, shown: impl FnOnce(T) -> String) -> String {
        value.map_or_else(|| self.nothing().to_owned(), shown)
    }

    /// A duration that may be unknown.
    pub fn maybe(self, seconds: Option<Seconds>, bound: Bound) -> String {
        self.known(seconds, |seconds| self.bounded(seconds, bound))
    }

    /// `1234 java`.
    pub fn process(self, process: Option<&Process>) -> String {
        self.known(process, |it| format!("{} {}", it.pid, self.clean(&it.comm)))
    }

    /// `shop/web-0/app`, with a question mark if it is the parent's.
    pub fn workload(self, container: Option<&Container>) -> String {
        self.known(self.workload_of(container), |workload| workload)
    }

    /// The same, if any.
    pub fn workload_of(self, container: Option<&Container>) -> Option<String> {
        let container = container?;
        let mark = if container.of_parent { "?" } else { "" };
        Some(format!("{}{mark}", self.clean(&container.text()?)))
    }

    /// `never_waits`; with a question mark if it is a guess.
    pub fn why(self, verdict: &Verdict) -> String {
        self.why_by(&verdict.id, &verdict.confidence)
    }

    /// The same, of a verdict of which no more is known.
    pub fn why_by(self, id: &Id, confidence: &OrOther<Confidence>) -> String {
        let is_guess = *confidence == Confidence::Guess;
        self.clean(&id.0) + if is_guess { "?" } else { "" }
    }

    /// `exit 0`, `SIGKILL`, `SIGSEGV core`.
    pub fn exit(self, exit: Option<&Exit>) -> String {
        self.known(exit, |exit| self.clean(&exit.to_string()))
    }

    /// The killer: `77 bash`, `77 sshd (terminal)`, `OOM killer`.
    pub fn killer(self, killer: Option<&Killer>) -> String {
        let by = killer.and_then(|killer| killer.by.as_ref());
        let process = killer.and_then(|killer| killer.process.as_ref());
        match (process, by) {
            (Some(_), Some(by)) if *by != KillBy::Process => {
                format!("{} ({})", self.process(process), self.clean(by.as_str()))
            }
            (Some(_), _) => self.process(process),
            (None, Some(by)) if *by == KillBy::Oom => "OOM killer".to_owned(),
            (None, by) => self.known(by, |by| self.clean(by.as_str())),
        }
    }

    /// Text from outside, wrapped within `width`; `first` starts the first line, and the others
    /// are indented to match.
    pub fn hanging(self, first: &str, words: &str, width: usize) -> String {
        let before = first.chars().count();
        let lines = wrap(&self.clean(words), width.saturating_sub(before).max(20));
        let lines = lines.iter().enumerate().map(|(n, line)| match n {
            0 => format!("{first}{line}\n"),
            _ => format!("{:before$}{line}\n", ""),
        });
        lines.collect()
    }

    /// Replaces characters that could move the cursor or hide text, since processes choose their
    /// own names.
    pub fn clean(self, text: &str) -> String {
        if is_plain(text) {
            return text.to_owned();
        }
        text.chars()
            .map(|c| {
                if is_invisible(c) || self.ascii && !c.is_ascii() {
                    '?'
                } else {
                    c
                }
            })
            .collect()
    }
}

/// How fast zombies accumulate, such as `12 more per minute`; `None` if they do not.
pub fn growth(per_second: f64) -> Option<String> {
    let of = |number: f64, unit: &str| Some(format!("{number:.0} more per {unit}"));
    match per_second {
        none if none <= 0.0 => None,
        fast if fast >= 9.5 => of(fast, "second"),
        slow => of((slow * 60.0).max(1.0), "minute"),
    }
}

/// A number with its noun: `1 zombie`, `2 zombies`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A rate with a suitable number of digits.
pub fn rate(per_second: f64) -> String {
    if per_second == 0.0 {
        "0".to_owned()
    } else if per_second < 9.95 {
        format!("{per_second:.2}")
    } else if per_second < 99.5 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    }
}

/// The time of day, to the millisecond: `03:11:22.123`.
pub fn time_of_day(at: Time) -> String {
    at.0.strftime("%T%.3f").to_string()
}

impl Look {
    /// A curve of values, scaled to their maximum.
    pub fn curve(self, values: impl Iterator<Item = f64> + Clone) -> String {
        let levels: &[char] = if self.ascii {
            &['_', '.', '-', '=', '+', '*', '#', '@']
        } else {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        };
        let most = values.clone().fold(0.0, f64::max);
        let level = |value: f64| {
            let share = if most > 0.0 { value / most } else { 0.0 };
            levels[(share * (levels.len() - 1) as f64).round() as usize]
        };
        values.map(level).collect()
    }
}

/// `2026-11-22 03:11:22.123`.
pub fn moment(at: Time) -> String {
    at.0.strftime("%F %T%.3f").to_string()
}

/// `2026-11-22 03:11:22 UTC`.
pub fn second(at: Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}

/// Width of text in terminal columns: a Chinese character takes two, a combining accent none.
pub fn columns(text: &str) -> usize {
    if is_plain(text) {
        text.len()
    } else {
        text.width()
    }
}

/// Whether a text is of printable ASCII, as most are: the screen is made of thousands in a second.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The most columns that a character adds to a text: a variation selector may widen the one before.
pub fn most_columns(c: char) -> usize {
    match c {
        '\u{fe00}'..='\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}

/// Continues lines that are longer than `width` columns below themselves, wherever that is.
pub fn folded(text: &str, width: usize) -> String {
    let mut folded = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len() + 2;
        let mut room = width;
        for c in line.chars() {
            let wide = c.width().unwrap_or(0);
            if wide > room && indent + wide <= width {
                folded.extend(["\n", &" ".repeat(indent)]);
                room = width - indent;
            }
            folded.push(c);
            room = room.saturating_sub(wide);
        }
        folded.push('\n');
    }
    folded
}

/// Wraps text at blanks so that each line fits into `width` columns; long words are not split.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split_whitespace() {
        let length = columns(word);
        let line = lines.last_mut().expect("there is always one line");
        if line.is_empty() {
            line.push_str(word);
            room = width.saturating_sub(length);
        } else if length < room {
            line.push(' ');
            line.push_str(word);
            room -= length + 1;
        } else {
            lines.push(word.to_owned());
            room = width.saturating_sub(length);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ExitKind;

    #[test]
    fn nothing_of_a_long_line_is_cut() {
        let folded = folded("who\n  cgroup  /a/very/long/path\n", 14);
        assert_eq!(folded, "who\n  cgroup  /a/v\n    ery/long/p\n    ath\n");
        assert_eq!(super::folded("世界世", 4), "世界\n  世\n");
    }

    const WIDE: Look = Look {
        color: false,
        ascii: false,
    };
    const ASCII: Look = Look {
        color: false,
        ascii: true,
    };

    #[test]
    fn durations_read_well() {
        for (seconds, text) in [
            (0.0, "0µs"),
            (850e-6, "850µs"),
            (999.6e-6, "1.0ms"),
            (1.2e-3, "1.2ms"),
            (0.123, "123ms"),
            (0.9996, "1.0s"),
            (3.4, "3.4s"),
            (59.4, "59s"),
            (59.6, "1m"),
            (312.0, "5m12s"),
            (3.0 * 3600.0, "3h"),
            (3.0 * 3600.0 + 720.0, "3h12m"),
            (98.0 * 3600.0, "4d2h"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(WIDE.duration(Seconds(seconds)), text);
        }
        assert_eq!(ASCII.duration(Seconds(850e-6)), "850us");
    }

    #[test]
    fn bounds_are_marked() {
        assert_eq!(WIDE.bounded(Seconds(3.4), Bound::AtLeast), "≥3.4s");
        assert_eq!(WIDE.bounded(Seconds(3.4), Bound::AtMost), "≤3.4s");
        assert_eq!(ASCII.bounded(Seconds(3.4), Bound::AtLeast), ">=3.4s");
        assert_eq!(ASCII.bounded(Seconds(3.4), Bound::AtMost), "<=3.4s");
        assert_eq!(WIDE.maybe(None, Bound::AtLeast), "–");
    }

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(WIDE.clean("a\x1b[2Jb\u{202e}c"), "a?[2Jb?c");
        assert_eq!(WIDE.clean("a\u{61c}b\u{e0041}"), "a?b?");
        assert_eq!(ASCII.clean("bücher"), "b?cher");
    }

    #[test]
    fn workloads_are_short() {
        let json = |text: &str| -> Container {
            let head =
                r#"{"id":null,"name":null,"pod":null,"namespace":null,"unit":null,"cgroup":null"#;
            let fields: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let mut all: serde_json::Value =
                serde_json::from_str(&format!("{head}}}")).expect("JSON");
            for (key, value) in fields.as_object().expect("an object") {
                all[key] = value.clone();
            }
            serde_json::from_value(all).expect("a container")
        };
        for (fields, text) in [
            (
                r#"{"namespace":"shop","pod":"web-0","name":"app"}"#,
                "shop/web-0/app",
            ),
            (
                r#"{"id":"0123456789abcdef","pod_uid":"3f1c2b4e-7a90-4d1e"}"#,
                "3f1c2b4e-7a9/0123456789ab",
            ),
            (r#"{"unit":"nginx.service","cgroup":"/x"}"#, "nginx.service"),
            (r#"{"cgroup":"/a/b\u001b","cgroup_id":7}"#, "/a/b?"),
            (r#"{"cgroup_id":7}"#, "cgroup 7"),
            (r#"{"name":"db","of_parent":true}"#, "db?"),
        ] {
            assert_eq!(WIDE.workload(Some(&json(fields))), text);
        }
        assert_eq!(WIDE.workload(None), "–");
    }

    #[test]
    fn exits_are_described_in_words() {
        let exit = |kind: ExitKind, code, signal: Option<&str>| Exit {
            kind: kind.into(),
            code,
            signal: signal.map(ToOwned::to_owned),
        };
        assert_eq!(
            WIDE.exit(Some(&exit(ExitKind::Exited, Some(3), None))),
            "exit 3"
        );
        assert_eq!(
            WIDE.exit(Some(&exit(ExitKind::Dumped, None, Some("SIGSEGV")))),
            "SIGSEGV core"
        );
        assert_eq!(WIDE.exit(None), "–");
    }

    #[test]
    fn killers_are_processes_or_words() {
        let killer = |pid: Option<u32>, by: Option<KillBy>| Killer {
            process: pid.map(|pid| Process {
                pid,
                start_time: None,
                comm: "sh".to_owned(),
            }),
            by: by.map(Into::into),
            signal: "SIGKILL".to_owned(),
            at: Time(Timestamp::UNIX_EPOCH),
        };
        for (pid, by, shown) in [
            (Some(7), Some(KillBy::Process), "7 sh"),
            (Some(7), None, "7 sh"),
            (Some(7), Some(KillBy::Namespace), "7 sh (namespace)"),
            (None, Some(KillBy::Oom), "OOM killer"),
            (None, Some(KillBy::Kernel), "kernel"),
            (None, None, "–"),
        ] {
            assert_eq!(WIDE.killer(Some(&killer(pid, by))), shown);
        }
        assert_eq!(WIDE.killer(None), "–");
    }

    #[test]
    fn a_guess_is_marked() {
        let mut verdict = Verdict {
            id: "never_waits".into(),
            summary: String::new(),
            evidence: Vec::new(),
            repeats: Vec::new(),
            remedy: String::new(),
            confidence: Confidence::Likely.into(),
        };
        assert_eq!(WIDE.why(&verdict), "never_waits");
        verdict.confidence = Confidence::Guess.into();
        assert_eq!(WIDE.why(&verdict), "never_waits?");
    }

    #[test]
    fn times_of_day() {
        let at: Timestamp = "2026-11-22T03:11:22.123999Z".parse().expect("a time");
        assert_eq!(time_of_day(Time(at)), "03:11:22.123");
        assert_eq!(moment(Time(at)), "2026-11-22 03:11:22.123");
        assert_eq!(second(at), "2026-11-22 03:11:22 UTC");
    }

    #[test]
    fn text_wraps_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("日本 語 e\u{301}é", 7), ["日本 語", "e\u{301}é"]);
        assert_eq!(wrap("one", 0), ["one"]);
        assert_eq!(wrap("", 10), [""]);
    }
}
