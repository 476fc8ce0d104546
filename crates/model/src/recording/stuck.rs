//! The form of lines about processes that do not die.

use super::fields::{Fields, Malformed};
use super::word::Word;
use super::{FoundStuck, Why, about};

pub(super) fn found(f: &mut Fields<'_, FoundStuck>) -> Result<FoundStuck, Malformed> {
    Ok(FoundStuck {
        at_ns: f.time("at", |it| it.at_ns)?,
        process: f.must("process", |it| it.process)?,
        found: why(&mut f.part(|it| &it.found))?,
    })
}

fn why(f: &mut Fields<'_, Why>) -> Result<Why, Malformed> {
    Ok(Why {
        state: f.maybe("state", |it| it.state)?,
        exit_has_begun: f.maybe("begun", |it| it.exit_has_begun)?,
        step: f.maybe("step", |it| it.step.clone())?,
        no_step: f.maybe("no_step", |it| it.no_step.clone())?,
        threads: f.list("thread", |it| &it.threads)?,
        waits_for: f.maybe_part("waits_for", |it| it.waits_for.as_ref(), waits_for)?,
        verdict: f.maybe_part("id", |it| it.verdict.as_ref(), about::verdict)?,
    })
}

fn waits_for(f: &mut Fields<'_, api::WaitsFor>) -> Result<api::WaitsFor, Malformed> {
    Ok(api::WaitsFor {
        kind: f.must("waits_for", |it| it.kind.clone())?,
        what: f.must("what", |it| it.what.clone())?,
        processes: f.list("by", |it| &it.processes)?,
    })
}

impl Word for char {
    fn write(&self, text: &mut String) {
        self.to_string().write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let text = String::read(word)?;
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    }
}

/// `tid:state:step:function,function`.
impl Word for api::StuckThread {
    fn write(&self, text: &mut String) {
        self.tid.write(text);
        text.push(':');
        self.state.write(text);
        text.push(':');
        self.step.write(text);
        text.push(':');
        self.stack.write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let mut parts = word.splitn(4, ':');
        Some(Self {
            tid: u32::read(parts.next()?)?,
            state: char::read(parts.next()?)?,
            step: api::Id::read(parts.next()?)?,
            stack: match parts.next()? {
                "" => Vec::new(),
                functions => Vec::read(functions)?,
            },
        })
    }
}

/// `pid:comm`.
impl Word for api::Process {
    fn write(&self, text: &mut String) {
        self.pid.write(text);
        text.push(':');
        self.comm.write(text);
    }

    fn read(word: &str) -> Option<Self> {
        let (pid, comm) = word.split_once(':')?;
        Some(Self {
            pid: u32::read(pid)?,
            start_time: None,
            comm: String::read(comm)?,
        })
    }
}
