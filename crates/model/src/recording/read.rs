//! Parses one line of a recording.

use std::collections::BTreeMap;
use std::str::FromStr;

use api::{Id, OrOther};

use super::write::INITIAL;
use super::{Counted, Head, Join, Judged, Line, VERSION};
use crate::events::{
    CgroupId, CgroupIds, CgroupMade, CgroupVersion, Comm, Death, Event, Execed, ExitStatus, Freed,
    HungUp, Key, Kill, NamespacePid, Process, Release, Renotified, Resources, Steps, Waited,
};

/// Start time of a process whose trace has none.
const SOME_START_NS: u64 = 1_000_000;
const SIGCHLD: i32 = 17;
/// No machine runs this long, so sums of such times do not overflow.
const NEVER_NS: u64 = 1 << 62;

/// Why a line could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A word that this version does not know.
    #[error("unknown word {0:?}")]
    UnknownWord(String),
    /// A required field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An invalid value.
    #[error("{0}={1:?} is not valid")]
    Value(&'static str, String),
    /// Lines of another version.
    #[error("it has format version {0} and this program reads {VERSION}")]
    Version(u32),
}

/// The content of a line; `None` if it is empty, a comment or an expected transition of a trace.
pub fn parse(line: &str) -> Result<Option<Line>, Malformed> {
    let mut words = line.split_whitespace();
    let Some(word) = words.next().filter(|word| !word.starts_with(['#', '>'])) else {
        return Ok(None);
    };
    let fields = words.map(|field| field.split_once('=').unwrap_or((field, "")));
    let fields = Fields(fields.collect());
    let event = match word {
        "reapwatch" => return fields.head().map(Line::Head).map(Some),
        "wall" => return fields.join().map(Line::Wall).map(Some),
        "task" => return fields.task().map(Box::new).map(Line::Task).map(Some),
        "snapshot" => return fields.snapshot().map(Some),
        "expire" => return fields.time("now").map(Line::Expire).map(Some),
        "drained" => return fields.time("now").map(Line::Drained).map(Some),
        "counted" => return fields.counted().map(Line::Counted).map(Some),
        "judged" => return fields.judged().map(Box::new).map(Line::Judged).map(Some),
        "end" => return fields.time("now").map(Line::End).map(Some),
        "cgroup" | "placed" | "named" => return fields.found(word).map(Line::Found).map(Some),
        "death" => Event::Death(Box::new(fields.death()?)),
        "release" => Event::Release(fields.release()?),
        "waited" => Event::Waited(fields.waited()?),
        "freed" => Event::Freed(fields.freed()?),
        "renotified" => Event::Renotified(fields.renotified()?),
        "hung_up" => Event::HungUp(fields.hung_up()?),
        "exec" => Event::Exec(fields.execed()?),
        "cgroup_made" => Event::CgroupMade(fields.cgroup_made()?),
        unknown => return Err(Malformed::UnknownWord(unknown.to_owned())),
    };
    Ok(Some(Line::Event(event)))
}

/// The `name=value` of a line; a word alone is a flag.
pub(super) struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl Fields<'_> {
    pub(super) fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    /// A field that may be missing.
    pub(super) fn maybe<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        let Some(&value) = self.0.get(name) else {
            return Ok(None);
        };
        let read = read(value).ok_or_else(|| Malformed::Value(name, value.to_owned()))?;
        Ok(Some(read))
    }

    pub(super) fn must<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Malformed> {
        self.maybe(name, read)?.ok_or(Malformed::Missing(name))
    }

    fn time(&self, name: &'static str) -> Result<u64, Malformed> {
        self.must(name, time)
    }

    pub(super) fn maybe_time(&self, name: &'static str) -> Result<Option<u64>, Malformed> {
        self.maybe(name, time)
    }

    pub(super) fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Malformed> {
        self.maybe(name, |value| value.parse().ok())
    }

    pub(super) fn someone(&self, name: &'static str) -> Result<Option<Process>, Malformed> {
        self.maybe(name, process)
    }

    pub(super) fn status(&self) -> Result<Option<ExitStatus>, Malformed> {
        self.maybe("exit_code", |value| {
            let status = match value.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => value.parse(),
            };
            status.ok().map(ExitStatus::from_wait)
        })
    }

    /// Its PIDs; if none are given, only that of the initial namespace.
    pub(super) fn pids(&self, tgid: u32) -> Result<Vec<NamespacePid>, Malformed> {
        if self.has("no_pids") {
            return Ok(Vec::new());
        }
        let pids = self.maybe("pids", |value| {
            value.split(',').map(namespace_pid).collect()
        })?;
        let usual = NamespacePid {
            namespace: INITIAL,
            nr: tgid,
        };
        Ok(pids.unwrap_or_else(|| vec![usual]))
    }

    fn head(&self) -> Result<Head, Malformed> {
        let version = self.must("version", |value| value.parse().ok())?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        Ok(Head {
            host: self.must("host", unescaped)?,
            kernel: self.must("kernel", unescaped)?,
            source: OrOther::named(self.must("source", unescaped)?),
            agent: self.must("agent", unescaped)?,
            began_ns: self.time("began")?,
        })
    }

    fn join(&self) -> Result<Join, Malformed> {
        Ok(Join {
            from_ns: self.time("from")?,
            offset_ns: self.must("offset", |value| match value.strip_prefix('-') {
                Some(below) => time(below).map(|ns| -i128::from(ns)),
                None => time(value).map(i128::from),
            })?,
        })
    }

    fn snapshot(&self) -> Result<Line, Malformed> {
        Ok(Line::Snapshot {
            begun_ns: self.time("begun")?,
            ended_ns: self.time("ended")?,
            exact_start: !self.has("ticks"),
        })
    }

    fn counted(&self) -> Result<Counted, Malformed> {
        let count = |name| Ok(self.number(name)?.unwrap_or(0));
        Ok(Counted {
            exited: count("exited")?,
            killed: count("killed")?,
            dumped: count("dumped")?,
            lost_deaths: count("lost_deaths")?,
            ring_full: count("ring_full")?,
            tasks_full: count("tasks_full")?,
            malformed: count("malformed")?,
            skipped_runs: count("skipped_runs")?,
        })
    }

    fn judged(&self) -> Result<Judged, Malformed> {
        Ok(Judged {
            at_ns: self.time("at")?,
            process: self.must("process", process)?,
            verdict: self.has("id").then(|| self.verdict()).transpose()?,
        })
    }

    fn verdict(&self) -> Result<api::Verdict, Malformed> {
        let facts = (0..).map_while(|n| self.0.get(format!("fact{n}").as_str()));
        let fact = |value: &&str| {
            unescaped(value).ok_or_else(|| Malformed::Value("fact", (*value).to_owned()))
        };
        Ok(api::Verdict {
            id: Id(self.must("id", unescaped)?.into()),
            confidence: OrOther::named(self.must("confidence", unescaped)?),
            summary: self.must("summary", unescaped)?,
            evidence: facts.map(fact).collect::<Result<_, _>>()?,
            remedy: self.must("remedy", unescaped)?,
        })
    }

    fn death(&self) -> Result<Death, Malformed> {
        let process = self.must("process", process)?;
        Ok(Death {
            at_ns: self.time("at")?,
            at_is_lower_bound: self.has("before_notification"),
            parent: self.someone("parent")?,
            tracer: self.someone("tracer")?,
            forker: self.someone("forker")?,
            kill: self.kill()?,
            begin_ns: self.maybe_time("begin")?,
            status: self.status()?.unwrap_or(ExitStatus::Exited(0)),
            exit_signal: self.number("exit_signal")?.unwrap_or(SIGCHLD),
            autoreap: self.has("autoreap"),
            cgroups: self.cgroups()?,
            uid: self.number("uid")?.unwrap_or(0),
            resources: Resources {
                user_ns: self.maybe_time("user")?.unwrap_or(0),
                system_ns: self.maybe_time("system")?.unwrap_or(0),
                threads: self.number("threads")?,
                max_rss_bytes: self.number("max_rss")?.unwrap_or(0),
            },
            steps: self.steps()?,
            pids: self.pids(process.key.tgid)?,
            process,
        })
    }

    pub(super) fn kill(&self) -> Result<Option<Kill>, Malformed> {
        let Some(at_ns) = self.maybe_time("killed")? else {
            return Ok(None);
        };
        Ok(Some(Kill {
            // A newer version may have a value that this one does not know.
            by: self
                .maybe("kill_by", |word| Some(word.parse().ok()))?
                .flatten(),
            process: self.someone("killer")?,
            signal: self.must("kill_signal", |value| value.parse().ok())?,
            at_ns,
        }))
    }

    fn steps(&self) -> Result<Option<Steps>, Malformed> {
        if !self.has("steps") {
            return Ok(None);
        }
        Ok(Some(Steps {
            dumping_core_ns: self.maybe_time("dumping_core")?,
            waiting_for_siblings_ns: self.maybe_time("waiting_for_siblings")?,
            releasing_memory_ns: self.maybe_time("releasing_memory")?,
            closing_files_ns: self.maybe_time("closing_files")?,
            deferred_work_ns: self.maybe_time("deferred_work")?,
            namespaces_ns: self.maybe_time("namespaces")?,
            other_ns: self.maybe_time("other")?,
        }))
    }

    fn release(&self) -> Result<Release, Malformed> {
        Ok(Release {
            at_ns: self.time("at")?,
            dead: self.must("dead", key)?,
            by: self.must("reaper", process)?,
            by_thread: self.maybe("reaper_thread", comm)?,
            reaper_exiting: self.has("reaper_exiting"),
            by_itself: self.has("by_itself"),
        })
    }

    fn waited(&self) -> Result<Waited, Malformed> {
        Ok(Waited {
            at_ns: self.time("at")?,
            child: self.must("child", namespace_pid)?,
            by: self.must("reaper", process)?,
            by_thread: self.maybe("reaper_thread", comm)?,
        })
    }

    fn freed(&self) -> Result<Freed, Malformed> {
        Ok(Freed {
            at_ns: self.time("at")?,
            dead: self.must("dead", key)?,
        })
    }

    fn renotified(&self) -> Result<Renotified, Malformed> {
        Ok(Renotified {
            at_ns: self.time("at")?,
            child: self.must("child", namespace_pid)?,
            parent: self.must("parent", process)?,
            autoreap: self.has("autoreap"),
        })
    }

    fn hung_up(&self) -> Result<HungUp, Malformed> {
        Ok(HungUp {
            at_ns: self.time("at")?,
            dead: self.must("dead", key)?,
        })
    }

    fn execed(&self) -> Result<Execed, Malformed> {
        Ok(Execed {
            at_ns: self.time("at")?,
            process: self.must("process", process)?,
            former: self.must("former", comm)?,
        })
    }

    fn cgroup_made(&self) -> Result<CgroupMade, Malformed> {
        Ok(CgroupMade {
            at_ns: self.time("at")?,
            id: self.cgroup_id()?,
            path: self.maybe("path", unescaped)?,
        })
    }

    pub(super) fn cgroup_id(&self) -> Result<CgroupId, Malformed> {
        Ok(CgroupId {
            version: if self.has("v1") {
                CgroupVersion::V1
            } else {
                CgroupVersion::V2
            },
            id: self.must("id", |value| value.parse().ok())?,
        })
    }

    pub(super) fn cgroups(&self) -> Result<CgroupIds, Malformed> {
        Ok(CgroupIds {
            v1: self.number("cgroup_v1")?,
            v2: self.number("cgroup")?,
        })
    }
}

/// `tgid[@start][/tid]:comm`.
pub(super) fn process(value: &str) -> Option<Process> {
    let (who, name) = value.split_once(':')?;
    let (leader, thread) = who
        .split_once('/')
        .map_or((who, None), |(leader, thread)| (leader, Some(thread)));
    let key = key(leader)?;
    Some(Process {
        tid: thread.map_or(Some(key.tgid), |tid| tid.parse().ok())?,
        comm: comm(name)?,
        key,
    })
}

/// `tgid` or `tgid@start`.
pub(super) fn key(value: &str) -> Option<Key> {
    let (tgid, start_ns) = match value.split_once('@') {
        Some((tgid, start)) => (tgid, time(start)?),
        None => (value, SOME_START_NS),
    };
    let tgid = tgid.parse().ok().filter(|&tgid| tgid != 0)?;
    Some(Key { tgid, start_ns })
}

/// `namespace:nr`.
fn namespace_pid(value: &str) -> Option<NamespacePid> {
    let (namespace, nr) = value.split_once(':')?;
    Some(NamespacePid {
        namespace: if namespace == "init" {
            INITIAL
        } else {
            namespace.parse().ok()?
        },
        nr: nr.parse().ok()?,
    })
}

/// A decimal number and its unit, without rounding.
fn time(value: &str) -> Option<u64> {
    let units = [("ns", 0), ("µs", 3), ("us", 3), ("ms", 6), ("s", 9)];
    let (number, digits) = units
        .iter()
        .find_map(|(unit, digits)| Some((value.strip_suffix(unit)?, *digits)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > digits || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let ns = format!("{whole}{part:0<digits$}").parse().ok();
    ns.filter(|&ns| ns < NEVER_NS)
}

/// A name of a process.
pub(super) fn comm(word: &str) -> Option<Comm> {
    unescaped_bytes(word).map(|bytes| Comm::new(&bytes))
}

/// A word with its escapes decoded; the file is not trusted to come from our writer.
pub(super) fn unescaped(word: &str) -> Option<String> {
    let name = String::from_utf8(unescaped_bytes(word)?).ok()?;
    (!name.contains(char::is_control)).then_some(name)
}

fn unescaped_bytes(word: &str) -> Option<Vec<u8>> {
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
