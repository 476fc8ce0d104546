//! Reads what a machine wrote to its serial line.

/// Lines that are shown of a machine that died.
const TAIL: usize = 40;

/// What the first process said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Serial {
    pub(super) verdicts: Vec<Verdict>,
    /// Passed and failed, from its closing line.
    pub(super) end: Option<(u64, u64)>,
    /// The first process ran.
    pub(super) booted: bool,
    pub(super) panicked: bool,
    /// The last lines.
    pub(super) tail: String,
}

/// One test with one kind of hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) hook: String,
    pub(super) test: String,
    /// Why it failed.
    pub(super) failed: Option<String>,
}

/// The bytes are no text: firmware and kernel write what they like.
pub(super) fn parse(bytes: &[u8]) -> Serial {
    let text = String::from_utf8_lossy(bytes);
    let mut serial = Serial {
        panicked: has_panicked(bytes),
        ..Serial::default()
    };
    for line in text.lines().map(str::trim_end) {
        // The kernel's own lines may stand before ours in the same line.
        if let Some(at) = line.find("RW-") {
            serial.booted = true;
            let line = &line[at..];
            if let Some(words) = line.strip_prefix("RW-TEST ") {
                serial.verdicts.extend(verdict(words));
            } else if let Some(words) = line.strip_prefix("RW-END ") {
                serial.end = end(words);
            }
        }
    }
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    serial.tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    serial
}

/// The kernel has written the last line of a panic, or one that it does not come back from.
pub(super) fn has_panicked(bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    has(b"end Kernel panic") || has(b"Kernel panic - not syncing")
}

fn verdict(words: &str) -> Option<Verdict> {
    let mut words = words.splitn(3, ' ');
    let (hook, test, rest) = (words.next()?, words.next()?, words.next()?);
    let failed = match rest {
        "ok" => None,
        // What this kernel cannot have is no verdict.
        other if other.starts_with("skip ") => return None,
        other => Some(other.strip_prefix("FAIL ").unwrap_or(other).to_owned()),
    };
    Some(Verdict {
        hook: hook.to_owned(),
        test: test.to_owned(),
        failed,
    })
}

fn end(words: &str) -> Option<(u64, u64)> {
    let (passed, failed) = words.strip_prefix("passed=")?.split_once(" failed=")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_found_among_other_bytes() {
        let serial = parse(
            b"\x1bc\xff..RW-BOOT\r\nRW-TEST fentry vfork ok\r\nRW-TEST any fuse skip no FUSE\r\n[ 1.2] x RW-TEST kprobe peeked FAIL a b\r\n\
              RW-END passed=1 failed=1\r\n",
        );
        assert!(serial.booted && !serial.panicked);
        assert_eq!(serial.end, Some((1, 1)));
        let failures: Vec<_> = serial
            .verdicts
            .iter()
            .map(|v| v.failed.as_deref())
            .collect();
        assert_eq!(failures, [None, Some("a b")]);
        assert_eq!(serial.verdicts[1].hook, "kprobe");
    }

    #[test]
    fn a_panic_before_the_first_process_is_no_boot() {
        let serial = parse(b"[ 1.0] Kernel panic - not syncing: Fatal exception\n");
        assert!(serial.panicked && !serial.booted && serial.end.is_none());
    }
}
