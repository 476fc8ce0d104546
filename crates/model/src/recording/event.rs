//! The forms of events.

use std::collections::BTreeMap;

use api::{OrOther, STEPS};

use super::fields::{Fields, Malformed, write};
use super::word::Ns;
use crate::events::{
    CgroupId, CgroupIds, CgroupMade, CgroupVersion, Death, Event, Execed, ExitStatus, Freed,
    HungUp, INITIAL_NAMESPACE, Kill, NamespacePid, Release, Renotified, Resources, Steps, Waited,
};

const SIGCHLD: i32 = 17;

/// An event.
pub fn event(text: &mut String, event: &Event) {
    match event {
        Event::Death(it) => write(text, "death", &**it, death),
        Event::Release(it) => write(text, "release", it, release),
        Event::Waited(it) => write(text, "waited", it, waited),
        Event::Freed(it) => write(text, "freed", it, freed),
        Event::Renotified(it) => write(text, "renotified", it, renotified),
        Event::Exec(it) => write(text, "exec", it, execed),
        Event::CgroupMade(it) => write(text, "cgroup_made", it, cgroup_made),
        Event::HungUp(it) => write(text, "hung_up", it, hung_up),
    }
}

/// The event of a line that begins with this word.
pub(super) fn parse(word: &str, fields: &BTreeMap<&str, &str>) -> Result<Event, Malformed> {
    Ok(match word {
        "death" => Event::Death(Box::new(death(&mut Fields::Read(fields))?)),
        "release" => Event::Release(release(&mut Fields::Read(fields))?),
        "waited" => Event::Waited(waited(&mut Fields::Read(fields))?),
        "freed" => Event::Freed(freed(&mut Fields::Read(fields))?),
        "renotified" => Event::Renotified(renotified(&mut Fields::Read(fields))?),
        "exec" => Event::Exec(execed(&mut Fields::Read(fields))?),
        "cgroup_made" => Event::CgroupMade(cgroup_made(&mut Fields::Read(fields))?),
        "hung_up" => Event::HungUp(hung_up(&mut Fields::Read(fields))?),
        unknown => return Err(Malformed::UnknownWord(unknown.to_owned())),
    })
}

fn death(f: &mut Fields<'_, Death>) -> Result<Death, Malformed> {
    let at_ns = f.time("at", |it| it.at_ns)?;
    let process = f.must("process", |it| it.process)?;
    Ok(Death {
        at_ns,
        process,
        parent: f.maybe("parent", |it| it.parent)?,
        tracer: f.maybe("tracer", |it| it.tracer)?,
        forker: f.maybe("forker", |it| it.forker)?,
        kill: f.maybe_part("killed", |it| it.kill.as_ref(), kill)?,
        begin_ns: f.maybe_time("begin", |it| it.begin_ns)?,
        status: f.or("exit_code", ExitStatus::Exited(0), |it| it.status)?,
        exit_signal: f.or("exit_signal", SIGCHLD, |it| it.exit_signal)?,
        autoreap: f.flag("autoreap", |it| it.autoreap),
        at_is_lower_bound: f.flag("before_notification", |it| it.at_is_lower_bound),
        cgroups: cgroups(&mut f.part(|it| &it.cgroups))?,
        uid: f.or("uid", 0, |it| it.uid)?,
        resources: resources(&mut f.part(|it| &it.resources))?,
        steps: f.maybe_part("steps", |it| it.steps.as_ref(), steps)?,
        pids: pids(&mut f.part(|it| &it.pids), process.key.tgid)?,
    })
}

pub(super) fn kill(f: &mut Fields<'_, Kill>) -> Result<Kill, Malformed> {
    Ok(Kill {
        at_ns: f.time("killed", |it| it.at_ns)?,
        process: f.maybe("killer", |it| it.process)?,
        signal: f.must("kill_signal", |it| it.signal)?,
        // A newer version may have a value that this one does not know.
        by: f
            .maybe("kill_by", |it| it.by.map(OrOther::Known))?
            .and_then(|by| by.known()),
    })
}

pub(super) fn cgroups(f: &mut Fields<'_, CgroupIds>) -> Result<CgroupIds, Malformed> {
    Ok(CgroupIds {
        v2: f.maybe("cgroup", |it| it.v2)?,
        v1: f.maybe("cgroup_v1", |it| it.v1)?,
    })
}

fn resources(f: &mut Fields<'_, Resources>) -> Result<Resources, Malformed> {
    Ok(Resources {
        user_ns: f.or("user", Ns(0), |it| Ns(it.user_ns))?.0,
        system_ns: f.or("system", Ns(0), |it| Ns(it.system_ns))?.0,
        threads: f.maybe("threads", |it| it.threads)?,
        max_rss_bytes: f.or("max_rss", 0, |it| it.max_rss_bytes)?,
    })
}

fn steps(f: &mut Fields<'_, Steps>) -> Result<Steps, Malformed> {
    f.flag("steps", |_| true);
    let mut durations = [None; STEPS];
    for (n, (name, _)) in Steps::default().each().into_iter().enumerate() {
        durations[n] = f.maybe_time(name.into(), |it| it.each()[n].1)?;
    }
    Ok(Steps::of(durations))
}

/// The PIDs of a process; if a line has none, only that of the initial namespace.
pub(super) fn pids(
    f: &mut Fields<'_, Vec<NamespacePid>>,
    tgid: u32,
) -> Result<Vec<NamespacePid>, Malformed> {
    let usual = NamespacePid {
        namespace: INITIAL_NAMESPACE,
        nr: tgid,
    };
    if f.flag("no_pids", Vec::is_empty) {
        return Ok(Vec::new());
    }
    let pids = f.maybe("pids", |it| (*it != [usual]).then(|| it.clone()))?;
    Ok(pids.unwrap_or_else(|| vec![usual]))
}

fn release(f: &mut Fields<'_, Release>) -> Result<Release, Malformed> {
    Ok(Release {
        at_ns: f.time("at", |it| it.at_ns)?,
        dead: f.must("dead", |it| it.dead)?,
        by: f.must("reaper", |it| it.by)?,
        by_thread: f.maybe("reaper_thread", |it| it.by_thread)?,
        reaper_exiting: f.flag("reaper_exiting", |it| it.reaper_exiting),
        by_itself: f.flag("by_itself", |it| it.by_itself),
    })
}

fn waited(f: &mut Fields<'_, Waited>) -> Result<Waited, Malformed> {
    Ok(Waited {
        at_ns: f.time("at", |it| it.at_ns)?,
        child: f.must("child", |it| it.child)?,
        by: f.must("reaper", |it| it.by)?,
        by_thread: f.maybe("reaper_thread", |it| it.by_thread)?,
    })
}

fn freed(f: &mut Fields<'_, Freed>) -> Result<Freed, Malformed> {
    Ok(Freed {
        at_ns: f.time("at", |it| it.at_ns)?,
        dead: f.must("dead", |it| it.dead)?,
    })
}

fn renotified(f: &mut Fields<'_, Renotified>) -> Result<Renotified, Malformed> {
    Ok(Renotified {
        at_ns: f.time("at", |it| it.at_ns)?,
        child: f.must("child", |it| it.child)?,
        parent: f.must("parent", |it| it.parent)?,
        autoreap: f.flag("autoreap", |it| it.autoreap),
    })
}

fn execed(f: &mut Fields<'_, Execed>) -> Result<Execed, Malformed> {
    Ok(Execed {
        at_ns: f.time("at", |it| it.at_ns)?,
        process: f.must("process", |it| it.process)?,
        former: f.must("former", |it| it.former)?,
    })
}

fn cgroup_made(f: &mut Fields<'_, CgroupMade>) -> Result<CgroupMade, Malformed> {
    Ok(CgroupMade {
        at_ns: f.time("at", |it| it.at_ns)?,
        id: cgroup_id(&mut f.part(|it| &it.id))?,
        path: f.maybe("path", |it| it.path.clone())?,
    })
}

pub(super) fn cgroup_id(f: &mut Fields<'_, CgroupId>) -> Result<CgroupId, Malformed> {
    Ok(CgroupId {
        id: f.must("id", |it| it.id)?,
        version: if f.flag("v1", |it| it.version == CgroupVersion::V1) {
            CgroupVersion::V1
        } else {
            CgroupVersion::V2
        },
    })
}

fn hung_up(f: &mut Fields<'_, HungUp>) -> Result<HungUp, Malformed> {
    Ok(HungUp {
        at_ns: f.time("at", |it| it.at_ns)?,
        dead: f.must("dead", |it| it.dead)?,
    })
}
