//! The values of fields: words without blanks, as safe to display as the file is. A file is not
//! trusted to come from our writer.

use std::fmt::Write as _;
use std::str::FromStr;

use api::{Id, OrOther};

use crate::events::{Comm, ExitStatus, INITIAL_NAMESPACE, Key, NamespacePid, Process, Target};

/// Start time of a process whose trace has none.
const SOME_START_NS: u64 = 1_000_000;
/// No machine runs this long, so sums of such times do not overflow.
const NEVER_NS: u64 = 1 << 62;

/// A value of a field.
pub(super) trait Word: Sized {
    /// Appends it. Writing to a string does not fail.
    fn write(&self, text: &mut String);

    /// `None` if it is not valid.
    fn read(word: &str) -> Option<Self>;
}

/// A time or duration.
pub(super) struct Ns(pub(super) u64);

/// A duration that may be negative.
pub(super) struct SignedNs(pub(super) i128);

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Word for $number {
            fn write(&self, text: &mut String) {
                let _ = write!(text, "{self}");
            }

            fn read(word: &str) -> Option<Self> {
                word.parse().ok()
            }
        }
    )*};
}

numbers!(u8 u32 u64 usize i32);

impl Word for bool {
    fn write(&self, text: &mut String) {
        u8::from(*self).write(text);
    }

    fn read(word: &str) -> Option<Self> {
        match word {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

impl Word for Ns {
    fn write(&self, text: &mut String) {
        let (seconds, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let _ = write!(text, "{seconds}.{ns:09}s");
    }

    /// A decimal number and its unit, without rounding.
    fn read(word: &str) -> Option<Self> {
        let units = [("ns", 0), ("µs", 3), ("us", 3), ("ms", 6), ("s", 9)];
        let (number, digits) = units
            .iter()
            .find_map(|(unit, digits)| Some((word.strip_suffix(unit)?, *digits)))?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > digits || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let ns = format!("{whole}{part:0<digits$}").parse().ok();
        ns.filter(|&ns| ns < NEVER_NS).map(Self)
    }
}

impl Word for SignedNs {
    fn write(&self, text: &mut String) {
        if self.0 < 0 {
            text.push('-');
        }
        Ns(u64::try_from(self.0.unsigned_abs()).unwrap_or(u64::MAX)).write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let ns = |word| Ns::read(word).map(|ns| i128::from(ns.0));
        let ns = match word.strip_prefix('-') {
            Some(below) => -ns(below)?,
            None => ns(word)?,
        };
        Some(Self(ns))
    }
}

impl Word for ExitStatus {
    fn write(&self, text: &mut String) {
        let status = match *self {
            Self::Exited(code) => u32::from(code) << 8,
            Self::Killed(signal) => signal.into(),
            Self::Dumped(signal) => u32::from(signal) | 0x80,
        };
        let _ = write!(text, "{status:#x}");
    }

    fn read(word: &str) -> Option<Self> {
        let status = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => word.parse(),
        };
        status.ok().map(Self::from_wait)
    }
}

/// `tgid@start`; traces may omit the start.
impl Word for Key {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "{}@", self.tgid);
        Ns(self.start_ns).write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let (tgid, start_ns) = match word.split_once('@') {
            Some((tgid, start)) => (tgid, Ns::read(start)?.0),
            None => (word, SOME_START_NS),
        };
        let tgid = tgid.parse().ok().filter(|&tgid| tgid != 0)?;
        Some(Self { tgid, start_ns })
    }
}

/// `tgid@start:comm`, or `tgid@start/tid:comm` of another thread than the first.
impl Word for Process {
    fn write(&self, text: &mut String) {
        self.key.write(text);
        if self.tid != self.key.tgid {
            let _ = write!(text, "/{}", self.tid);
        }
        text.push(':');
        self.comm.write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let (who, comm) = word.split_once(':')?;
        let (leader, thread) = who
            .split_once('/')
            .map_or((who, None), |(leader, thread)| (leader, Some(thread)));
        let key = Key::read(leader)?;
        Some(Self {
            tid: thread.map_or(Some(key.tgid), |tid| tid.parse().ok())?,
            comm: Comm::read(comm)?,
            key,
        })
    }
}

/// `namespace:nr`.
impl Word for NamespacePid {
    fn write(&self, text: &mut String) {
        let nr = self.nr;
        let _ = match self.namespace {
            INITIAL_NAMESPACE => write!(text, "init:{nr}"),
            namespace => write!(text, "{namespace}:{nr}"),
        };
    }

    fn read(word: &str) -> Option<Self> {
        let (namespace, nr) = word.split_once(':')?;
        Some(Self {
            namespace: match namespace {
                "init" => INITIAL_NAMESPACE,
                number => number.parse().ok()?,
            },
            nr: nr.parse().ok()?,
        })
    }
}

/// `any`, `process:nr` and the like.
impl Word for Target {
    fn write(&self, text: &mut String) {
        let _ = match self {
            Self::Any => write!(text, "any"),
            Self::Process(nr) => write!(text, "process:{nr}"),
            Self::Group(nr) => write!(text, "group:{nr}"),
            Self::Pidfd(fd) => write!(text, "pidfd:{fd}"),
            Self::Clones => write!(text, "clones"),
            Self::OfThread => write!(text, "of_thread"),
        };
    }

    fn read(word: &str) -> Option<Self> {
        let (kind, number) = word.split_once(':').unwrap_or((word, ""));
        Some(match kind {
            "any" => Self::Any,
            "clones" => Self::Clones,
            "of_thread" => Self::OfThread,
            "process" => Self::Process(number.parse().ok()?),
            "group" => Self::Group(number.parse().ok()?),
            "pidfd" => Self::Pidfd(number.parse().ok()?),
            _ => return None,
        })
    }
}

/// With commas in between.
impl<W: Word> Word for Vec<W> {
    fn write(&self, text: &mut String) {
        for (n, word) in self.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            word.write(text);
        }
    }

    fn read(word: &str) -> Option<Self> {
        word.split(',').map(W::read).collect()
    }
}

/// Blanks and `%` become `%` and their bytes, control characters are replaced.
impl Word for String {
    fn write(&self, text: &mut String) {
        for char in self.chars() {
            if char.is_control() {
                text.push(char::REPLACEMENT_CHARACTER);
            } else {
                write_char(text, char);
            }
        }
    }

    fn read(word: &str) -> Option<Self> {
        let text = Self::from_utf8(unescaped(word)?).ok()?;
        (!text.contains(char::is_control)).then_some(text)
    }
}

/// The same of a process's name, which need not be UTF-8.
impl Word for Comm {
    fn write(&self, text: &mut String) {
        for chunk in self.bytes().utf8_chunks() {
            for char in chunk.valid().chars() {
                write_char(text, char);
            }
            write_escaped(text, chunk.invalid());
        }
    }

    fn read(word: &str) -> Option<Self> {
        unescaped(word).map(|bytes| Self::new(&bytes))
    }
}

impl Word for Id {
    fn write(&self, text: &mut String) {
        self.0.to_string().write(text);
    }

    fn read(word: &str) -> Option<Self> {
        String::read(word).map(|id| Self(id.into()))
    }
}

impl<T: Copy + Into<&'static str> + FromStr> Word for OrOther<T> {
    fn write(&self, text: &mut String) {
        self.as_str().to_owned().write(text);
    }

    fn read(word: &str) -> Option<Self> {
        String::read(word).map(Self::named)
    }
}

fn write_char(text: &mut String, char: char) {
    if char.is_control() || char.is_whitespace() || char == '%' {
        write_escaped(text, char.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        text.push(char);
    }
}

fn write_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "%{byte:02x}");
    }
}

fn unescaped(word: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    Some(bytes)
}
