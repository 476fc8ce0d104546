//! Writes the input of the lifecycle as lines of a recording, each appended to a text.

use std::fmt::Write as _;

use super::{Counted, Head, Join, Judged, VERSION};
use crate::events::{
    CgroupIds, CgroupVersion, Comm, Death, Event, ExitStatus, Key, Kill, NamespacePid, Peeked,
    Process, Snapshot, Steps, Target, Task, TaskState, Waits,
};

/// The number of the initial PID namespace
/// ([`PROC_PID_INIT_INO`](https://elixir.bootlin.com/linux/v6.12/A/ident/PROC_PID_INIT_INO)).
pub(super) const INITIAL: u32 = 0xEFFF_FFFC;

/// The first line.
pub fn head(text: &mut String, head: &Head) {
    let mut line = Fields::of(text, "reapwatch");
    line.field("version", VERSION);
    line.field("host", escaped(&head.host));
    line.field("kernel", escaped(&head.kernel));
    line.field("source", escaped(head.source.as_str()));
    line.field("agent", escaped(&head.agent));
    line.time("began", head.began_ns);
}

/// An offset of the clocks.
pub fn wall(text: &mut String, join: Join) {
    let mut line = Fields::of(text, "wall");
    line.time("from", join.from_ns);
    let sign = if join.offset_ns < 0 { "-" } else { "" };
    let offset_ns = u64::try_from(join.offset_ns.unsigned_abs()).unwrap_or(u64::MAX);
    line.field("offset", format_args!("{sign}{}", seconds(offset_ns)));
}

/// An event.
pub fn event(text: &mut String, event: &Event) {
    match event {
        Event::Death(event) => death(text, event),
        Event::Release(release) => {
            let mut line = Fields::of(text, "release");
            line.time("at", release.at_ns);
            line.field("dead", key(release.dead));
            line.process("reaper", Some(&release.by));
            line.known("reaper_thread", release.by_thread.map(comm_word));
            line.flag("reaper_exiting", release.reaper_exiting);
            line.flag("by_itself", release.by_itself);
        }
        Event::Waited(waited) => {
            let mut line = Fields::of(text, "waited");
            line.time("at", waited.at_ns);
            line.field("child", namespace_pid(waited.child));
            line.process("reaper", Some(&waited.by));
            line.known("reaper_thread", waited.by_thread.map(comm_word));
        }
        Event::Freed(freed) => {
            let mut line = Fields::of(text, "freed");
            line.time("at", freed.at_ns);
            line.field("dead", key(freed.dead));
        }
        Event::Renotified(renotified) => {
            let mut line = Fields::of(text, "renotified");
            line.time("at", renotified.at_ns);
            line.field("child", namespace_pid(renotified.child));
            line.process("parent", Some(&renotified.parent));
            line.flag("autoreap", renotified.autoreap);
        }
        Event::Exec(exec) => {
            let mut line = Fields::of(text, "exec");
            line.time("at", exec.at_ns);
            line.process("process", Some(&exec.process));
            line.field("former", comm_word(exec.former));
        }
        Event::CgroupMade(made) => {
            let mut line = Fields::of(text, "cgroup_made");
            line.time("at", made.at_ns);
            line.field("id", made.id.id);
            line.flag("v1", made.id.version == CgroupVersion::V1);
            line.known("path", made.path.as_deref().map(escaped));
        }
        Event::HungUp(hung_up) => {
            let mut line = Fields::of(text, "hung_up");
            line.time("at", hung_up.at_ns);
            line.field("dead", key(hung_up.dead));
        }
    }
}

fn death(text: &mut String, death: &Death) {
    let mut line = Fields::of(text, "death");
    line.time("at", death.at_ns);
    line.process("process", Some(&death.process));
    line.process("parent", death.parent.as_ref());
    line.process("tracer", death.tracer.as_ref());
    line.process("forker", death.forker.as_ref());
    line.kill(death.kill.as_ref());
    line.known("begin", death.begin_ns.map(seconds));
    line.status(Some(death.status));
    line.field("exit_signal", death.exit_signal);
    line.flag("autoreap", death.autoreap);
    line.flag("before_notification", death.at_is_lower_bound);
    line.cgroups(death.cgroups);
    line.field("uid", death.uid);
    line.time("user", death.resources.user_ns);
    line.time("system", death.resources.system_ns);
    line.known("threads", death.resources.threads);
    line.field("max_rss", death.resources.max_rss_bytes);
    line.flag("steps", death.steps.is_some());
    for (name, ns) in death.steps.iter().flat_map(Steps::each) {
        line.known(name.into(), ns.map(seconds));
    }
    line.pids(death.process.key.tgid, &death.pids);
}

/// A snapshot: its tasks, then itself.
pub fn snapshot(text: &mut String, snapshot: &Snapshot) {
    for it in snapshot.tasks.iter() {
        task(text, &it);
    }
    let mut line = Fields::of(text, "snapshot");
    line.time("begun", snapshot.begun_ns);
    line.time("ended", snapshot.ended_ns);
    line.flag("ticks", !snapshot.exact_start);
}

fn task(text: &mut String, task: &Task) {
    let mut line = Fields::of(text, "task");
    line.process("process", Some(&task.process));
    line.process("parent", task.parent.as_ref());
    line.process("tracer", task.tracer.as_ref());
    line.process("forker", task.forker.as_ref());
    line.flag("zombie", task.state == TaskState::Zombie);
    line.flag("leader_exited", task.state == TaskState::LeaderExited);
    line.flag("exiting", task.state == TaskState::Exiting);
    line.kill(task.kill.as_deref());
    line.known("begin", task.begin_ns.map(seconds));
    line.status(task.status);
    line.known("exit_signal", task.exit_signal);
    line.cgroups(task.cgroups);
    line.field("uid", task.uid);
    if let Some(waits) = &task.waits {
        line.waits(waits);
    }
    line.known("dead_by", task.dead_by_ns.map(seconds));
    line.pids(task.process.key.tgid, &task.pids);
    if let Some(exec) = &task.exec {
        line.time("exec", exec.at_ns);
        line.field("former", comm_word(exec.former));
    }
    line.known("exec_id", task.exec_id);
    line.known("parent_exec_id", task.parent_exec_id);
    line.known("group", Some(task.group).filter(|&group| group != 0));
    line.known(
        "session",
        Some(task.session).filter(|&session| session != 0),
    );
    line.known("subreaper", task.subreaper.map(u8::from));
    line.known("stop_signal", task.stop_signal);
    if let Some(ignored) = &task.ignored {
        line.time("ignored", ignored.at_ns);
        line.field("ignored_signal", ignored.signal);
        line.process("ignored_from", ignored.by.as_ref());
        line.flag("ignored_by_choice", ignored.by_choice);
    }
}

/// Old entries were dropped.
pub fn expire(text: &mut String, now_ns: u64) {
    Fields::of(text, "expire").time("now", now_ns);
}

/// The changes were applied.
pub fn drained(text: &mut String, now_ns: u64) {
    Fields::of(text, "drained").time("now", now_ns);
}

/// Counters.
pub fn counted(text: &mut String, counted: &Counted) {
    let mut line = Fields::of(text, "counted");
    line.field("exited", counted.exited);
    line.field("killed", counted.killed);
    line.field("dumped", counted.dumped);
    line.field("lost_deaths", counted.lost_deaths);
    line.field("ring_full", counted.ring_full);
    line.field("tasks_full", counted.tasks_full);
    line.field("malformed", counted.malformed);
    line.field("skipped_runs", counted.skipped_runs);
}

/// The result of a round for one process.
pub fn judged(text: &mut String, judged: &Judged) {
    let mut line = Fields::of(text, "judged");
    line.time("at", judged.at_ns);
    line.process("process", Some(&judged.process));
    let Some(verdict) = &judged.verdict else {
        return;
    };
    line.field("id", escaped(&verdict.id.0));
    line.field("confidence", escaped(verdict.confidence.as_str()));
    line.field("summary", escaped(&verdict.summary));
    for (n, fact) in verdict.evidence.iter().enumerate() {
        line.field(&format!("fact{n}"), escaped(fact));
    }
    line.field("remedy", escaped(&verdict.remedy));
}

/// The last line.
pub fn end(text: &mut String, now_ns: u64) {
    Fields::of(text, "end").time("now", now_ns);
}

/// A line being written; it ends when this is dropped.
pub(super) struct Fields<'a>(&'a mut String);

impl<'a> Fields<'a> {
    pub(super) fn of(text: &'a mut String, word: &str) -> Self {
        text.push_str(word);
        Self(text)
    }

    pub(super) fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.0, " {name}={value}");
    }

    fn kill(&mut self, kill: Option<&Kill>) {
        if let Some(kill) = kill {
            self.time("killed", kill.at_ns);
            self.process("killer", kill.process.as_ref());
            self.field("kill_signal", kill.signal);
            self.known("kill_by", kill.by.map(<&str>::from));
        }
    }

    fn waits(&mut self, waits: &Waits) {
        self.field("waits", waits.calls);
        self.known("last_wait", waits.last_ns.map(seconds));
        if let Some(asked) = &waits.asked {
            self.field("asked_any", asked.any);
            self.field("asked_process", asked.process);
            self.field("asked_group", asked.group);
            self.field("asked_pidfd", asked.pidfd);
            self.field("asked_clones", asked.clones);
            self.field("asked_of_thread", asked.of_thread);
            self.field("peeks", asked.peeks);
            self.known("last_take", asked.last_take_ns.map(seconds));
            self.known("last_any", asked.last_any_ns.map(seconds));
            self.known("last_peek", asked.last_peek_ns.map(seconds));
            self.peeked(&asked.peeked);
        }
    }

    fn peeked(&mut self, peeked: &Peeked) {
        let counts = [
            ("peeked_any", peeked.any),
            ("peeked_process", peeked.process),
            ("peeked_group", peeked.group),
            ("peeked_pidfd", peeked.pidfd),
            ("peeked_clones", peeked.clones),
            ("peeked_of_thread", peeked.of_thread),
        ];
        for (name, count) in counts {
            self.known(name, Some(count).filter(|&count| count != 0));
        }
        self.known("last_any_peek", peeked.last_any_ns.map(seconds));
        self.known(
            "peeked_at",
            peeked.last.map(|target| match target {
                Target::Any => "any".to_owned(),
                Target::Process(nr) => format!("process:{nr}"),
                Target::Group(nr) => format!("group:{nr}"),
                Target::Pidfd(fd) => format!("pidfd:{fd}"),
                Target::Clones => "clones".to_owned(),
                Target::OfThread => "of_thread".to_owned(),
            }),
        );
    }

    fn cgroups(&mut self, cgroups: CgroupIds) {
        self.known("cgroup", cgroups.v2);
        self.known("cgroup_v1", cgroups.v1);
    }

    pub(super) fn known(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(super) fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            let _ = write!(self.0, " {name}");
        }
    }

    fn time(&mut self, name: &str, at_ns: u64) {
        self.field(name, seconds(at_ns));
    }

    fn status(&mut self, status: Option<ExitStatus>) {
        let code = status.map(|status| match status {
            ExitStatus::Exited(code) => u32::from(code) << 8,
            ExitStatus::Killed(signal) => signal.into(),
            ExitStatus::Dumped(signal) => u32::from(signal) | 0x80,
        });
        self.known("exit_code", code.map(|code| format!("{code:#x}")));
    }

    fn process(&mut self, name: &str, process: Option<&Process>) {
        let Some(process) = process else { return };
        let who = key(process.key);
        let comm = comm_word(process.comm);
        if process.tid == process.key.tgid {
            self.field(name, format_args!("{who}:{comm}"));
        } else {
            self.field(name, format_args!("{who}/{}:{comm}", process.tid));
        }
    }

    fn pids(&mut self, tgid: u32, pids: &[NamespacePid]) {
        let usual = NamespacePid {
            namespace: INITIAL,
            nr: tgid,
        };
        if pids.is_empty() {
            self.flag("no_pids", true);
        } else if pids != [usual] {
            let all: Vec<_> = pids.iter().copied().map(namespace_pid).collect();
            self.field("pids", all.join(","));
        }
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        self.0.push('\n');
    }
}

pub(super) fn key(key: Key) -> String {
    format!("{}@{}", key.tgid, seconds(key.start_ns))
}

fn namespace_pid(pid: NamespacePid) -> String {
    if pid.namespace == INITIAL {
        format!("init:{}", pid.nr)
    } else {
        format!("{}:{}", pid.namespace, pid.nr)
    }
}

fn seconds(ns: u64) -> String {
    format!("{}.{:09}s", ns / 1_000_000_000, ns % 1_000_000_000)
}

/// A name as one word: blanks become `%` and their bytes, and unsafe characters are escaped so that
/// the file is safe to display.
pub(super) fn escaped(name: &str) -> String {
    let mut word = String::new();
    for char in name.chars() {
        if char.is_control() {
            word.push(char::REPLACEMENT_CHARACTER);
        } else if char.is_whitespace() || char == '%' {
            escape(&mut word, char.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            word.push(char);
        }
    }
    word
}

/// The same of a process's name, which need not be UTF-8.
fn comm_word(comm: Comm) -> String {
    let mut word = String::new();
    for chunk in comm.bytes().utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() || char.is_whitespace() || char == '%' {
                escape(&mut word, char.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                word.push(char);
            }
        }
        escape(&mut word, chunk.invalid());
    }
    word
}

fn escape(word: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(word, "%{byte:02x}");
    }
}
