//! The form of one process of a snapshot.

use super::event::{cgroups, kill, pids};
use super::fields::{Fields, Malformed};
use crate::events::{Asked, Exec, Ignored, Peeked, Task, TaskState, Waits};

pub(super) fn task(f: &mut Fields<'_, Task>) -> Result<Task, Malformed> {
    let process = f.must("process", |it| it.process)?;
    Ok(Task {
        process,
        is_held: false,
        parent: f.maybe("parent", |it| it.parent)?,
        tracer: f.maybe("tracer", |it| it.tracer)?,
        forker: f.maybe("forker", |it| it.forker)?,
        state: state(f),
        kill: f
            .maybe_part("killed", |it| it.kill.as_deref(), kill)?
            .map(Box::new),
        begin_ns: f.maybe_time("begin", |it| it.begin_ns)?,
        status: f.maybe("exit_code", |it| it.status)?,
        exit_signal: f.maybe("exit_signal", |it| it.exit_signal)?,
        cgroups: cgroups(&mut f.part(|it| &it.cgroups))?,
        uid: f.or("uid", 0, |it| it.uid)?,
        waits: f
            .maybe_part("waits", |it| it.waits.as_deref(), waits)?
            .map(Box::new),
        dead_by_ns: f.maybe_time("dead_by", |it| it.dead_by_ns)?,
        pids: pids(&mut f.part(|it| &it.pids), process.key.tgid)?,
        exec: f
            .maybe_part("exec", |it| it.exec.as_deref(), exec)?
            .map(Box::new),
        exec_id: f.maybe("exec_id", |it| it.exec_id)?,
        parent_exec_id: f.maybe("parent_exec_id", |it| it.parent_exec_id)?,
        group: f.unless_zero("group", |it| it.group)?,
        session: f.unless_zero("session", |it| it.session)?,
        subreaper: f.maybe("subreaper", |it| it.subreaper)?,
        stop_signal: f.maybe("stop_signal", |it| it.stop_signal)?,
        ignored: f
            .maybe_part("ignored", |it| it.ignored.as_deref(), ignored)?
            .map(Box::new),
    })
}

fn state(f: &mut Fields<'_, Task>) -> TaskState {
    let mut is = |name, state| f.flag(name, |it| it.state == state).then_some(state);
    let zombie = is("zombie", TaskState::Zombie);
    let leader_exited = is("leader_exited", TaskState::LeaderExited);
    let exiting = is("exiting", TaskState::Exiting);
    let state = leader_exited.or(zombie).or(exiting);
    state.unwrap_or(TaskState::Alive)
}

fn exec(f: &mut Fields<'_, Exec>) -> Result<Exec, Malformed> {
    Ok(Exec {
        at_ns: f.time("exec", |it| it.at_ns)?,
        former: f.must("former", |it| it.former)?,
    })
}

fn ignored(f: &mut Fields<'_, Ignored>) -> Result<Ignored, Malformed> {
    Ok(Ignored {
        at_ns: f.time("ignored", |it| it.at_ns)?,
        signal: f.must("ignored_signal", |it| it.signal)?,
        by: f.maybe("ignored_from", |it| it.by)?,
        by_choice: f.flag("ignored_by_choice", |it| it.by_choice),
    })
}

fn waits(f: &mut Fields<'_, Waits>) -> Result<Waits, Malformed> {
    Ok(Waits {
        calls: f.must("waits", |it| it.calls)?,
        last_ns: f.maybe_time("last_wait", |it| it.last_ns)?,
        asked: f.maybe_part("asked_any", |it| it.asked.as_ref(), asked)?,
    })
}

fn asked(f: &mut Fields<'_, Asked>) -> Result<Asked, Malformed> {
    Ok(Asked {
        any: f.or("asked_any", 0, |it| it.any)?,
        process: f.or("asked_process", 0, |it| it.process)?,
        group: f.or("asked_group", 0, |it| it.group)?,
        pidfd: f.or("asked_pidfd", 0, |it| it.pidfd)?,
        clones: f.or("asked_clones", 0, |it| it.clones)?,
        of_thread: f.or("asked_of_thread", 0, |it| it.of_thread)?,
        peeks: f.or("peeks", 0, |it| it.peeks)?,
        last_take_ns: f.maybe_time("last_take", |it| it.last_take_ns)?,
        last_any_ns: f.maybe_time("last_any", |it| it.last_any_ns)?,
        last_peek_ns: f.maybe_time("last_peek", |it| it.last_peek_ns)?,
        peeked: peeked(&mut f.part(|it| &it.peeked))?,
    })
}

fn peeked(f: &mut Fields<'_, Peeked>) -> Result<Peeked, Malformed> {
    Ok(Peeked {
        any: f.unless_zero("peeked_any", |it| it.any)?,
        process: f.unless_zero("peeked_process", |it| it.process)?,
        group: f.unless_zero("peeked_group", |it| it.group)?,
        pidfd: f.unless_zero("peeked_pidfd", |it| it.pidfd)?,
        clones: f.unless_zero("peeked_clones", |it| it.clones)?,
        of_thread: f.unless_zero("peeked_of_thread", |it| it.of_thread)?,
        last_any_ns: f.maybe_time("last_any_peek", |it| it.last_any_ns)?,
        last: f.maybe("peeked_at", |it| it.last)?,
    })
}
