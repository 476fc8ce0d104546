//! Parses what a machine wrote to its serial line.

use crate::tally::Tally;

/// How many lines are shown of a machine whose tests failed.
const TAIL: usize = 12;

/// The output of the first process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Serial {
    pub(super) verdicts: Vec<Verdict>,
    /// For each hook, the errors of the measured times.
    pub(super) noise: Vec<String>,
    /// From the last line.
    pub(super) end: Option<Tally>,
    /// Whether the first process ran.
    pub(super) booted: bool,
    pub(super) panicked: bool,
    /// The last lines besides the verdicts and what the test harness says.
    pub(super) tail: Vec<String>,
}

/// One test with one kind of hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) hook: String,
    pub(super) test: String,
    pub(super) result: TestResult,
}

/// The result of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TestResult {
    Passed,
    /// With the reason.
    Failed(String),
    /// With what the kernel lacks.
    Skipped(String),
}

/// The bytes need not be UTF-8: firmware and kernel write to the line too.
pub(super) fn parse(bytes: &[u8]) -> Serial {
    let text = String::from_utf8_lossy(bytes);
    let mut serial = Serial {
        panicked: has_panicked(bytes),
        ..Serial::default()
    };
    for line in text.lines().map(str::trim_end) {
        // Output of the kernel may come first on the same line.
        if let Some(at) = line.find("RW-") {
            serial.booted = true;
            let line = &line[at..];
            if let Some(words) = line.strip_prefix("RW-TEST ") {
                serial.verdicts.extend(verdict(words));
            } else if let Some(words) = line.strip_prefix("RW-NOISE ") {
                serial.noise.push(words.to_owned());
            } else if let Some(words) = line.strip_prefix("RW-END ") {
                serial.end = end(words);
            }
        } else if !is_harness(line) {
            serial.tail.push(line.to_owned());
        }
    }
    serial.tail.drain(..serial.tail.len().saturating_sub(TAIL));
    serial
}

/// Whether the test harness has printed this line.
fn is_harness(line: &str) -> bool {
    line.is_empty() || line.starts_with("running ") || line.starts_with("test ")
}

/// Whether the kernel has printed a panic.
pub(super) fn has_panicked(bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    has(b"end Kernel panic") || has(b"Kernel panic - not syncing")
}

fn verdict(words: &str) -> Option<Verdict> {
    let mut words = words.splitn(3, ' ');
    let (hook, test, rest) = (words.next()?, words.next()?, words.next()?);
    let result = match rest.split_once(' ') {
        None if rest == "ok" => TestResult::Passed,
        Some(("skip", why)) => TestResult::Skipped(why.to_owned()),
        Some(("FAIL", why)) => TestResult::Failed(why.to_owned()),
        _ => TestResult::Failed(rest.to_owned()),
    };
    Some(Verdict {
        hook: hook.to_owned(),
        test: test.to_owned(),
        result,
    })
}

fn end(words: &str) -> Option<Tally> {
    let (passed, words) = words.strip_prefix("passed=")?.split_once(" failed=")?;
    let (failed, skipped) = words.split_once(" skipped=")?;
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
        skipped: skipped.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_found_among_other_bytes() {
        let serial = parse(
            b"\x1bc\xff..RW-BOOT\r\nRW-TEST fentry vfork ok\r\n\r\nthe agent says why\r\n[ 1.2] x RW-TEST kprobe peeked FAIL a b\r\n\
              RW-NOISE kprobe figures\r\nRW-TEST any autoreap skip no such flag (EINVAL)\r\n\
              RW-END passed=1 failed=1 skipped=1\r\n",
        );
        assert!(serial.booted && !serial.panicked);
        let counts = Tally {
            passed: 1,
            failed: 1,
            skipped: 1,
        };
        assert_eq!(serial.end, Some(counts));
        let ends = serial.verdicts.iter().map(|verdict| &verdict.result);
        let expected = [
            TestResult::Passed,
            TestResult::Failed("a b".to_owned()),
            TestResult::Skipped("no such flag (EINVAL)".to_owned()),
        ];
        assert!(ends.eq(&expected), "{:?}", serial.verdicts);
        assert_eq!(serial.verdicts[1].hook, "kprobe");
        assert_eq!(serial.noise, ["kprobe figures"]);
        assert_eq!(serial.tail, ["the agent says why"]);
    }

    #[test]
    fn a_panic_before_init_is_not_a_boot() {
        let serial = parse(b"[ 1.0] Kernel panic - not syncing: Fatal exception\n");
        assert!(serial.panicked && !serial.booted && serial.end.is_none());
    }
}
